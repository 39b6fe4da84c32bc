// `flagfall record`: what of a master's answers goes into the file, and what is
// asked next. Pure: bodies in, lines out; the shell asks and writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.hh"
#include "delay/rows_file.hh"

namespace flagfall::tools {

class Recorder {
 public:
  /// Ends after `most` races.
  Recorder(std::string service, std::uint64_t most) : service_(std::move(service)), most_(most) {}

  /// What to ask the master: first, from now on; then, what has come since.
  [[nodiscard]] std::string path() const;
  /// An answer to that. The lines for the file: rows that are not there yet, and a header before them when it
  /// says something new. An error: it is no answer of the same service's rows; nothing of it is kept.
  Result<std::string> take(const std::string& body);
  /// The header as it was last, for the file's end: weights and bounds are then those of the whole time.
  [[nodiscard]] std::string last_header() const;

  [[nodiscard]] std::uint64_t races() const { return races_; }
  /// Races that the master had forgotten before they were asked for, or did not keep whole.
  [[nodiscard]] std::uint64_t missed() const { return missed_; }
  [[nodiscard]] std::uint64_t restarts() const { return restarts_; }
  [[nodiscard]] bool full() const { return races_ >= most_; }
  /// More is there already: ask at once.
  [[nodiscard]] bool behind() const { return behind_; }

 private:
  [[nodiscard]] bool says_something_new(const delay::RowsHeader& header) const;

  std::string service_;
  std::uint64_t most_;
  std::optional<delay::RowsHeader> header_;   // the latest
  std::optional<delay::RowsHeader> written_;  // the latest in the file
  Nanos bound_{};                             // largest
  std::uint64_t races_ = 0, missed_ = 0, restarts_ = 0;
  bool behind_ = false;
};

}  // namespace flagfall::tools
