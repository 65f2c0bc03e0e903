// Requests that no heap can fulfil: each must throw, through whatever frames the allocator has.
#include <cstdio>
#include <new>

template <class Request> static bool throws(Request request) {
    try {
        void *volatile block = request();
        (void)block;
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

int main() {
    volatile std::size_t bytes = std::size_t(1) << 60;
    std::align_val_t align{64};
    std::printf("new %d\n", throws([&] { return ::operator new(bytes); }));
    std::printf("new[] %d\n", throws([&] { return ::operator new[](bytes); }));
    std::printf("aligned new %d\n", throws([&] { return ::operator new(bytes, align); }));
    std::printf("nothrow new %p\n", ::operator new(bytes, std::nothrow));
}
