#include "common/wire/dns_stream.hh"

#include <algorithm>
#include <cassert>

namespace flagfall::wire {

DnsStreamReader::DnsStreamReader(std::size_t most) : most_(most) {
  assert(most >= kDnsHeader);
}

DnsStreamReader::Step DnsStreamReader::take(Bytes bytes) {
  Step step;
  if (malformed_) return {State::malformed, 0, {}};
  if (prefix_used_ == 0) buffer_.clear();
  while (prefix_used_ < kStreamPrefix && step.taken < bytes.size()) {
    prefix_[prefix_used_++] = bytes[step.taken++];
    if (prefix_used_ < kStreamPrefix) continue;
    length_ = std::size_t{prefix_[0]} << 8 | prefix_[1];
    malformed_ = length_ < kDnsHeader || length_ > most_;
    if (malformed_) return {State::malformed, step.taken, {}};
  }
  if (prefix_used_ < kStreamPrefix) return step;

  const Bytes here = bytes.subspan(step.taken, std::min(length_ - buffer_.size(), bytes.size() - step.taken));
  step.taken += here.size();
  if (here.size() == length_) {  // all of it is here: no copy
    step.message = here;
  } else {
    buffer_.insert(buffer_.end(), here.begin(), here.end());
    if (buffer_.size() < length_) return step;
    step.message = buffer_;
  }
  step.state = State::complete;
  prefix_used_ = 0;
  return step;
}

std::array<std::uint8_t, kStreamPrefix> stream_prefix(std::size_t length) {
  assert(length <= kMaxDnsMessage);
  return {static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)};
}

}  // namespace flagfall::wire
