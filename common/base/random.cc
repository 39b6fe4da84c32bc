#include "common/base/random.hh"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace flagfall {

std::uint64_t SystemRandom::next() {
  if (left_ == 0) {
    ssize_t n = 0;
    do n = getrandom(pool_.data(), sizeof pool_, 0);
    while (n < 0 && errno == EINTR);
    // Reads of up to 256 bytes are never cut short (getrandom(2)); ours is 512.
    if (n < 8) throw std::system_error(errno, std::generic_category(), "getrandom");
    left_ = static_cast<std::size_t>(n) / sizeof pool_[0];
  }
  return pool_[--left_];  // NOLINT(*-constant-array-index)
}

}  // namespace flagfall
