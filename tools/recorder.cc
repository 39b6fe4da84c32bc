#include "tools/recorder.hh"

#include <algorithm>
#include <string_view>

#include "tools/rows_source.hh"

namespace flagfall::tools {

std::string Recorder::path() const {
  if (!header_) return rows_path_from_now(service_);
  return rows_path(service_, header_->next, header_->instance);
}

bool Recorder::says_something_new(const delay::RowsHeader& header) const {
  if (!written_ || header.missed > 0) return true;
  const delay::RowsHeader& w = *written_;
  return header.instance != w.instance || header.delay != w.delay || header.on_time != w.on_time ||
         header.nearest != w.nearest || header.late_drops != w.late_drops || header.one_in != w.one_in;
}

Result<std::string> Recorder::take(const std::string& body) {
  delay::RowsReader reader;
  bool cut = false;
  if (const Status good = delay::read_rows(body, reader, cut); !good) return Error{good.error()};
  if (cut) return Error{"it ends in the middle of a line"};
  delay::RowsHeader header = *reader.header();
  if (header_ && header.slaves != header_->slaves)
    return Error{"the service has other slaves now; record them in a file of their own"};
  if (header_ && header.instance != header_->instance) ++restarts_;
  behind_ = header_ && header.next != header_->next;
  bound_ = header.bound = std::max(bound_, header.bound);
  header.missed = reader.missed();
  missed_ += header.missed;
  header_ = header;
  std::string out;
  if (says_something_new(header)) {
    delay::write_header(out, header);
    written_ = header;
  }
  // The reader has judged each line; they go into the file as they are.
  std::string_view rest = body;
  bool first = true;
  while (!rest.empty() && !full()) {
    const std::string_view line = rest.substr(0, rest.find('\n') + 1);
    rest.remove_prefix(line.size());
    if (std::exchange(first, false)) continue;  // the header
    out += line;
    ++races_;
  }
  return out;
}

std::string Recorder::last_header() const {
  std::string out;
  if (!header_) return out;
  delay::RowsHeader header = *header_;
  header.missed = 0;  // they are counted
  delay::write_header(out, header);
  return out;
}

}  // namespace flagfall::tools
