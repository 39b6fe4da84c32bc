#include "director/store/config.hh"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "director/store/both_stores.hh"
#include "director/store/redis_store.hh"
#include "director/store/sqlite_store.hh"
#include "director/whole_file.hh"

namespace flagfall::director {
namespace {

constexpr std::uint16_t kRedisPort = 6379;
constexpr std::size_t kMostPassword = 512;

/// Where the server is; its path or its address.
Result<RedisAddress> address_of(const std::string& text) {
  RedisAddress out;
  if (text.starts_with('/')) {
    if (text.size() >= sizeof(sockaddr_un::sun_path)) return Error{"a socket's path has 107 octets at most"};
    out.socket = text;
    return out;
  }
  const auto tcp = parse_endpoint(text, kRedisPort);
  if (!tcp)
    return Error{
        fmt::format("'{}' is neither a socket's path (/run/redis/redis-server.sock) nor an address "
                    "(192.0.2.1:6379)",
                    text)};
  out.tcp = *tcp;
  return out;
}

Result<std::string> read_password(const std::string& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0)
    return Error{fmt::format("password {}: {}", file, std::generic_category().message(errno))};
  if ((status.st_mode & 077) != 0)
    return Error{
        fmt::format("password {}: others than its owner may read it (mode {:04o}); run `chmod 600 "
                    "{}`",
                    file, status.st_mode & 07777, file)};
  auto text = read_whole_file(file, kMostPassword + 1);
  if (!text) return Error{"password " + text.error()};
  if (text->ends_with('\n')) text->pop_back();
  if (text->empty() || text->find_first_of(std::string_view("\0\r\n", 3)) != std::string::npos)
    return Error{fmt::format("password {}: it must be one line", file)};
  return *text;
}

/// The same at each start, and another for another name: FNV-1a, 64 bit.
std::uint64_t id_of(const std::string& master) {
  std::uint64_t h = 0xcbf29ce484222325U;
  for (const char c : master) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return h;
}

void check_store(const StoreConfig& c, const config::Where& where) {
  if (!c.redis.empty()) {
    const auto address = address_of(c.redis);
    if (!address) where.error("redis", address.error());
  }
  if (c.redis_password_file.empty() && !c.redis_user.empty())
    where.error("redis_user", "goes together with redis_password_file");
  if (c.redis_prefix.empty() || c.redis_prefix.size() > 64 ||
      !std::ranges::all_of(c.redis_prefix, [](char x) { return x > 0x20 && x < 0x7f; }))
    where.error("redis_prefix", "1 to 64 printable characters without a blank");
}

}  // namespace

config::Schema<StoreConfig> store_schema() {
  config::Schema<StoreConfig> s;
  s.key("database", &StoreConfig::database,
        {.help = "SQLite file of bindings and drained servers, of this master alone; empty: none"});
  s.key("most_size", &StoreConfig::most_size,
        {.help = "Size of the file at most; a binding takes about 100 octets", .least = "16MiB"});
  s.key("redis", &StoreConfig::redis,
        {.help = "Redis server by which several masters share bindings: its socket's path or its address, "
                 "without TLS; empty: not shared",
         .example = R"("/run/redis/redis-server.sock")"});
  s.key("redis_user", &StoreConfig::redis_user, {.help = "User of its ACL; empty: its default user"});
  s.key("redis_password_file", &StoreConfig::redis_password_file,
        {.help = "File with the password in one line; others must not be able to read it"});
  s.key("redis_prefix", &StoreConfig::redis_prefix,
        {.help = "Of all keys: masters with the same one share their bindings"});
  s.check(check_store);
  return s;
}

Result<std::unique_ptr<Store>> open_store(const StoreConfig& config, const std::string& master) {
  using Opened = std::unique_ptr<Store>;
  SqliteOptions file;
  file.path = config.database.text;
  file.most_bytes = config.most_size.bytes;
  if (config.redis.empty()) return file.path.empty() ? Opened() : Opened(std::make_unique<SqliteStore>(file));
  RedisOptions shared;
  auto address = address_of(config.redis);
  if (!address) return Error{"redis: " + address.error()};
  shared.address = std::move(*address);
  shared.address.user = config.redis_user;
  shared.prefix = config.redis_prefix;
  shared.master = id_of(master);
  if (!config.redis_password_file.empty()) {
    auto password = read_password(config.redis_password_file.text);
    if (!password) return Error{password.error()};
    shared.address.password = std::move(*password);
  }
  if (file.path.empty()) return Opened(std::make_unique<RedisStore>(std::move(shared)));
  return Opened(std::make_unique<BothStores>(std::make_unique<SqliteStore>(std::move(file)),
                                             std::make_unique<RedisStore>(std::move(shared))));
}

}  // namespace flagfall::director
