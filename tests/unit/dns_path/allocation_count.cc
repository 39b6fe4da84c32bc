#include "tests/unit/dns_path/allocation_count.hh"

#include <atomic>
#include <cerrno>
#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FLAGFALL_SANITIZER_ALLOCATOR
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FLAGFALL_SANITIZER_ALLOCATOR
#endif

namespace {
std::atomic<std::uint64_t> count{0};
}  // namespace

namespace flagfall::test {
std::uint64_t allocations() {
  return count.load(std::memory_order_relaxed);
}
}  // namespace flagfall::test

#ifdef FLAGFALL_SANITIZER_ALLOCATOR

// The sanitizers bring their own malloc, and hooks to watch it by.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, std::size_t),
                                                         void (*on_free)(const volatile void*));
namespace {
void on_malloc(const volatile void* /*block*/, std::size_t /*size*/) {
  count.fetch_add(1, std::memory_order_relaxed);
}
void on_free(const volatile void* /*block*/) {}
const int installed = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}  // namespace

#else

// glibc's own allocator under the names that it keeps for this; operator new of libstdc++ calls malloc.
// NOLINTBEGIN(bugprone-reserved-identifier,*-no-malloc)
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t number, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
void* calloc(std::size_t nmemb, std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(nmemb, size);
}
void* realloc(void* ptr, std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(ptr, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memptr, std::size_t alignment, std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  *memptr = __libc_memalign(alignment, size);
  return *memptr == nullptr ? ENOMEM : 0;
}
}
// NOLINTEND(bugprone-reserved-identifier,*-no-malloc)

#endif
