// [director.store]: where bindings are kept. A plain struct whose initial values are the defaults, and the
// table that reads it; the meaning of each key stands there, in config.cc.
#pragma once

#include <memory>
#include <string>

#include "common/config/schema.hh"
#include "director/store/store.hh"

namespace flagfall::director {

struct StoreConfig {
  config::Path database{"/var/lib/flagfall/director.db"};
  config::ByteSize most_size{std::int64_t{1} << 30};
  std::string redis;  // a socket's path, or address:port; empty: not shared
  std::string redis_user;
  config::Path redis_password_file;
  std::string redis_prefix = "flagfall";
};

config::Schema<StoreConfig> store_schema();
/// Null when nothing is to be kept. Errors are of the configuration and the password's file; a disk or a
/// server that does not answer is waited for. `master`: another one for each master that shares the server.
Result<std::unique_ptr<Store>> open_store(const StoreConfig& config, const std::string& master);

}  // namespace flagfall::director
