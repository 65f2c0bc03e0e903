# Writes the solver's problems: a job shop with ever tighter deadlines, pigeons for too few holes, a hash to
# invert, a number to factor.

function duration(job, machine) {
    return (7 * job + 5 * machine + 3 * job * machine) % 8 + 2
}

# The place of a machine in a job's order; MACHINES is a prime.
function machine_at(job, place) {
    return (place * (job % (MACHINES - 1) + 1) + job) % MACHINES
}

function start(job, machine) {
    return "s" job "_" machine
}

function behind(job, other, machine) {
    return "(>= " start(job, machine) " (+ " start(other, machine) " " duration(other, machine) "))"
}

function job_shop(    job, other, place, machine) {
    for (job = 0; job < JOBS; job++) {
        for (machine = 0; machine < MACHINES; machine++) print "(declare-const " start(job, machine) " Int)"
        print "(assert (>= " start(job, machine_at(job, 0)) " 0))"
        for (place = 1; place < MACHINES; place++) {
            machine = machine_at(job, place - 1)
            print "(assert (>= " start(job, machine_at(job, place)) \
                " (+ " start(job, machine) " " duration(job, machine) ")))"
        }
    }
    for (machine = 0; machine < MACHINES; machine++) {
        for (job = 0; job < JOBS; job++) {
            for (other = 0; other < job; other++) {
                print "(assert (or " behind(job, other, machine) " " behind(other, job, machine) "))"
            }
        }
    }
}

function deadline(limit,    job, machine) {
    print "(push)"
    for (job = 0; job < JOBS; job++) {
        machine = machine_at(job, MACHINES - 1)
        print "(assert (<= (+ " start(job, machine) " " duration(job, machine) ") " limit "))"
    }
    print "(check-sat)\n(pop)"
}

function pigeons(count,    one, other) {
    print "(push)"
    for (one = 0; one < count; one++) {
        print "(declare-const p" one " Int)\n(assert (and (<= 1 p" one ") (< p" one " " count ")))"
        for (other = 0; other < one; other++) print "(assert (not (= p" one " p" other ")))"
    }
    print "(check-sat)\n(pop)"
}

function bit_vectors() {
    print "(push)\n(declare-const x (_ BitVec 24))\n(declare-const y (_ BitVec 24))"
    print "(define-fun mix ((v (_ BitVec 24))) (_ BitVec 24)"
    print "    (let ((a (bvmul (bvxor v (bvlshr v #x00000d)) #x5bd1e9))) (bvxor a (bvlshr a #x00000b))))"
    print "(assert (= (mix (mix x)) #x123456))\n(check-sat)"
    print "(assert (= (bvmul x y) #x3b9aca))\n(assert (bvugt y #x000001))\n(check-sat)\n(pop)"
}

BEGIN {
    JOBS = 9
    MACHINES = 7
    print "(push)"
    job_shop()
    for (limit = 100; limit >= 60; limit -= 4) deadline(limit)
    print "(pop)"
    pigeons(7)
    bit_vectors()
}
