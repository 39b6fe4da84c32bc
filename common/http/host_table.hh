// What stands for a host and a path: numbers, by host names with wildcards and by path prefixes. Built once,
// immutable then; any thread. A look-up allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace flagfall::http {

/// A host as it is compared: lower case, without the final dot.
std::string canonical_host(std::string host);
/// A path prefix as it is compared: without a final "/"; empty for all.
std::string canonical_prefix(std::string path);

class HostTable {
 public:
  /// `host`: "*.x.test" stands for all names below. Of equal hosts and paths the first one counts.
  void add(std::string host, std::string path, std::size_t value);

  struct Found {
    std::size_t value = 0;
    std::string_view host;  // as it is configured and compared: of `room`
    std::string_view path;  // with one "/" in front, as a Location has it
  };
  /// The exact host, otherwise the longest wildcard that holds it; of its paths the longest. `host` and
  /// `path`: as http::Request has them.
  using Room = std::array<char, 256>;
  [[nodiscard]] std::optional<Found> find(std::string_view host, std::string_view path,
                                          Room& room) const noexcept;
  [[nodiscard]] bool empty() const { return exact_.empty() && below_.empty(); }

 private:
  struct Path {
    std::string prefix;  // without a final "/"
    std::size_t value = 0;
  };
  using Paths = std::vector<Path>;  // the longest first
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Hosts = std::unordered_map<std::string, Paths, Hash, std::equal_to<>>;

  [[nodiscard]] const Paths* paths_of(std::string_view host) const noexcept;

  Hosts exact_;
  Hosts below_;  // "x.test" of "*.x.test"
  std::size_t longest_below_ = 0;
};

}  // namespace flagfall::http
