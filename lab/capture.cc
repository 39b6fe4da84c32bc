#include "lab/capture.hh"

#include <fcntl.h>

#include <cerrno>
#include <system_error>

#include "lab/pcap.hh"

namespace flagfall::lab {

Capture::Capture(const std::string& path, unsigned mtu) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "cannot write the capture " + path);
  file_ = net::Fd(fd);
  buffer_.reserve(kBuffer);
  const auto header = pcap_file_header(mtu);
  buffer_.insert(buffer_.end(), header.begin(), header.end());
}

void Capture::add(RealTime stamp, Bytes packet) {
  if (buffer_.size() + kPcapRecordHeader + packet.size() > kBuffer) flush();
  const auto header = pcap_record_header(stamp, static_cast<std::uint32_t>(packet.size()));
  buffer_.insert(buffer_.end(), header.begin(), header.end());
  buffer_.insert(buffer_.end(), packet.begin(), packet.end());
}

void Capture::flush() {
  Bytes rest = buffer_;
  while (!rest.empty()) {
    const ssize_t n = ::write(file_.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw std::system_error(errno, std::generic_category(), "cannot write the capture");
    rest = rest.subspan(static_cast<std::size_t>(n));
  }
  buffer_.clear();
}

}  // namespace flagfall::lab
