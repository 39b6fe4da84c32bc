// A folder for a test's files, gone with the test; waiting for another thread; records.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "director/store/store.hh"

namespace flagfall::director {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "flagfall-store-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  Folder(Folder&&) = delete;
  Folder& operator=(Folder&&) = delete;
  [[nodiscard]] std::string file() const { return (path / "director.db").string(); }
};

/// Waits for what another thread or program does.
inline bool eventually(const std::function<bool()>& condition, int ms = 10'000) {
  for (const MonoTime end = SystemClock().mono() + std::chrono::milliseconds(ms); SystemClock().mono() < end;
       usleep(2000))
    if (condition()) return true;
  return condition();
}

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'795'000'000 * kSecond;

/// A binding of `prefix` to `server` and then sin, renewed `at` seconds after kStart.
inline StoredChange bound(const std::string& prefix, const std::string& server = "fra", std::int64_t at = 0) {
  StoredChange out;
  StoredBinding& b = out.binding;
  b.service = "web";
  b.prefix = *parse_prefix(prefix);
  b.servers = {server, "sin"};
  b.agreeing = 5;
  b.pieces = 6;
  b.advantage = 0.0125;
  b.since = from_ns<RealTime>(kStart);
  b.renewed = from_ns<RealTime>(kStart + at * kSecond);
  return out;
}
inline StoredChange by_hand(const std::string& prefix, const std::string& server, std::int64_t at = 0) {
  StoredChange out = bound(prefix, server, at);
  out.binding.cause = Cause::by_hand;
  return out;
}
inline StoredChange gone(StoredChange change, std::int64_t at = 0) {
  change.gone = true;
  change.binding.renewed = from_ns<RealTime>(kStart + at * kSecond);
  return change;
}
inline StoredDrain drained(const std::string& server, std::int64_t at = 0) {
  return {server, "root", from_ns<RealTime>(kStart + at * kSecond), false};
}
/// The n-th of many /24.
inline StoredChange nth(std::uint32_t n, const std::string& server = "fra") {
  return bound(fmt::format("{}.{}.{}.0/24", 1 + n / 65536, n / 256 % 256, n % 256), server);
}

/// What a master would have after all that it took.
struct Known {
  std::map<std::string, StoredBinding> bindings;  // "web 192.0.2.0/24", "web 192.0.2.0/24 by hand"
  std::map<std::string, StoredDrain> drains;

  static std::string key(const StoredBinding& b) {
    return b.service + " " + to_string(b.prefix) + (b.by_hand() ? " by hand" : "");
  }
  void add(const StoredChanges& changes) {
    for (const auto& [binding, is_gone] : changes.bindings) {
      if (is_gone) {
        bindings.erase(key(binding));
      } else {
        bindings[key(binding)] = binding;
      }
    }
    for (const StoredDrain& drain : changes.drains) {
      if (drain.gone) {
        drains.erase(drain.server);
      } else {
        drains[drain.server] = drain;
      }
    }
  }
  [[nodiscard]] std::string server_of(const std::string& prefix) const {
    const auto at = bindings.find("web " + prefix);
    return at == bindings.end() ? "" : at->second.servers.front();
  }
};

}  // namespace flagfall::director
