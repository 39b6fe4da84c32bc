#include "director/store/config.hh"

#include "director/store/sqlite_store.hh"

namespace flagfall::director {

config::Schema<StoreConfig> store_schema() {
  config::Schema<StoreConfig> s;
  s.key(
      "database", &StoreConfig::database,
      {.help = "SQLite file of bindings and drained servers, of this master alone; empty: a restart forgets "
               "them"});
  s.key("most_size", &StoreConfig::most_size,
        {.help = "Size of the file at most; a binding takes about 100 octets", .least = "16MiB"});
  return s;
}

Result<std::unique_ptr<Store>> open_store(const StoreConfig& config) {
  if (config.database.empty()) return std::unique_ptr<Store>();
  SqliteOptions options;
  options.path = config.database.text;
  options.most_bytes = config.most_size.bytes;
  return std::unique_ptr<Store>(std::make_unique<SqliteStore>(std::move(options)));
}

}  // namespace flagfall::director
