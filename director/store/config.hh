// [director.store]: where bindings are kept. A plain struct whose initial values are the defaults, and the
// table that reads it; the meaning of each key stands there, in config.cc.
#pragma once

#include <memory>

#include "common/config/schema.hh"
#include "director/store/store.hh"

namespace flagfall::director {

struct StoreConfig {
  config::Path database{"/var/lib/flagfall/director.db"};
  config::ByteSize most_size{std::int64_t{1} << 30};
};

config::Schema<StoreConfig> store_schema();
/// Null when nothing is to be kept. An error of the configuration's files, not of the disk: that is waited
/// for.
Result<std::unique_ptr<Store>> open_store(const StoreConfig& config);

}  // namespace flagfall::director
