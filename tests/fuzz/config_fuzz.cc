// Any bytes as a configuration file: a value or errors with a line, and what was
// accepted prints to a file that reads back the same.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "common/base/bytes.hh"
#include "common/config/schema.hh"

namespace config = flagfall::config;

namespace {

enum class Word : std::uint8_t { one, two };

struct Leaf {
  std::string name;
  std::vector<flagfall::IpAddress> addresses;
  config::Path file;
};

struct Everything {
  bool flag = false;
  std::int64_t large = 0;
  std::uint8_t small = 1;
  double real = 0.5;
  std::string text;
  flagfall::Nanos duration{};
  config::ByteSize size;
  flagfall::Endpoint endpoint;
  std::optional<flagfall::IpAddress> address;
  std::vector<flagfall::Prefix> prefixes;
  std::vector<std::string> texts;
  std::vector<config::ByteSize> sizes;
  Word word = Word::one;
  Leaf section;
  std::vector<Leaf> list;
};

const config::Schema<Everything>& schema() {
  static const auto built = [] {
    const auto leaf = config::Schema<Leaf>()
                          .key("name", &Leaf::name, {.help = "A name"})
                          .key("addresses", &Leaf::addresses, {.help = "Addresses"})
                          .key("file", &Leaf::file, {.help = "A file"});
    return config::Schema<Everything>()
        .key("flag", &Everything::flag, {.help = "A flag"})
        .key("large", &Everything::large, {.help = "A number"})
        .key("small", &Everything::small, {.help = "A small number", .least = "1", .most = "100"})
        .key("real", &Everything::real, {.help = "A real number", .least = "0", .most = "1e9"})
        .key("text", &Everything::text, {.help = "A text"})
        .key("duration", &Everything::duration, {.help = "A duration", .most = "1000h"})
        .key("size", &Everything::size, {.help = "A size", .least = "0B", .most = "1GiB"})
        .key("endpoint", &Everything::endpoint, {.help = "An endpoint", .port = 53})
        .key("address", &Everything::address, {.help = "An address"})
        .key("prefixes", &Everything::prefixes, {.help = "Prefixes"})
        .key("texts", &Everything::texts, {.help = "Texts"})
        .key("sizes", &Everything::sizes, {.help = "Sizes"})
        .choice("word", &Everything::word, {{"one", Word::one}, {"two", Word::two}}, {.help = "A word"})
        .section("section", &Everything::section, leaf, "A section")
        .list("list", &Everything::list, leaf, {.help = "A list"})
        .check([](const Everything& all, const config::Where& where) {
          if (all.list.size() > 2) where.error("list.2.name", "more than two");
        });
  }();
  return built;
}

void require(bool holds, const std::string& what) {
  if (holds) return;
  (void)std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto first = schema().parse(flagfall::as_text({data, size}), "/folder/file");
  if (!first) {
    require(first.error().starts_with("/folder/file:"), "an error without its file: " + first.error());
    return 0;
  }
  const std::string printed = schema().print(*first);
  const auto second = schema().parse(printed, "/other/file");
  require(second.ok(), printed + (second ? std::string() : second.error()));
  require(schema().print(*second) == printed, "printed differently:\n" + printed);
  return 0;
}
