// A program that allocates in functions named after what they allocate, keeps it all, and writes an exact heap
// profile to the file that it is given. Built by the tests.
package main

import (
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
)

type Order struct {
	ID         uint64
	Quantities [5]uint64
	Next       *Order
}

type Plain struct {
	A, B, C uint64
}

// Everything that is allocated stays reachable from here.
var kept []any

//go:noinline
func siteNewOrder() { kept = append(kept, new(Order)) }

//go:noinline
func siteNewPlain() { kept = append(kept, &Plain{A: 1}) }

//go:noinline
func siteSlice(n int) { kept = append(kept, make([]Plain, n)) }

//go:noinline
func siteAppend(n int) {
	var orders []*Order
	for i := 0; i < n; i++ {
		orders = append(orders, nil)
	}
	kept = append(kept, orders)
}

//go:noinline
func siteString(n int) { kept = append(kept, "number "+strconv.Itoa(n)+" of a long line of numbers") }

//go:noinline
func siteBytes(n int) { kept = append(kept, make([]byte, n)) }

//go:noinline
func siteChannel() { kept = append(kept, make(chan Plain, 10)) }

func main() {
	runtime.MemProfileRate = 1
	kept = make([]any, 0, 1000)
	for i := 0; i < 10; i++ {
		siteNewOrder()
		siteNewPlain()
		siteSlice(7)
		siteAppend(20)
		siteString(1000 + i)
		siteBytes(100)
		siteChannel()
	}
	runtime.GC()
	file, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	if err := pprof.WriteHeapProfile(file); err != nil {
		panic(err)
	}
	runtime.KeepAlive(kept)
}
