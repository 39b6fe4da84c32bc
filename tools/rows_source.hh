// Where `flagfall tune` takes its rows from: a recorded file, or a live master
// that is asked piece by piece. The one place of the path of GET /rows. Blocking;
// one thread.
#pragma once

#include <functional>
#include <string>

#include "common/base/result.hh"
#include "delay/rows_file.hh"

namespace flagfall::tools {

/// One request to a master: the path with its query in, the body or an error out.
using Fetch = std::function<Result<std::string>(const std::string& path)>;

/// "/rows?service=web&after=812&instance=0123456789abcdef"; `after`: the number of the first row that is
/// wanted; of that instance, or of any where it is 0.
std::string rows_path(const std::string& service, std::uint64_t after, std::uint64_t instance);
/// The place behind the last row, so that only later ones follow.
std::string rows_path_from_now(const std::string& service);
/// A query's value as it must stand in a path.
std::string url_encoded(std::string_view text);

struct Rows {
  delay::RowsReader reader;
  bool cut = false;  // the file's last line was cut off
};
/// All that the master remembers of the service.
Result<Rows> rows_from_master(const std::string& service, const Fetch& fetch);
/// `service` empty: whatever is in there. Errors name the file, and the line where there is one.
Result<Rows> rows_from_file(const std::string& path, const std::string& service);

}  // namespace flagfall::tools
