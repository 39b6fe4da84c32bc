#include "common/dns/zone_file.hh"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include "common/dns/ldns.hh"
#include "common/wire/dns.hh"

namespace flagfall::dns {
namespace {

using FilePtr = std::unique_ptr<std::FILE, decltype(&std::fclose)>;
using RrPtr = std::unique_ptr<ldns_rr, decltype(&ldns_rr_free)>;

constexpr unsigned kMaxIncludes = 16;          // deep; more is a loop
constexpr std::uint32_t kNoTtl = 0xffffffff;   // nothing has given one yet
constexpr std::uint32_t kMaxTtl = 0x7fffffff;  // RFC 2181 §8
constexpr std::size_t kMaxRdata = 0xffff;

/// ldns's idea of the current origin and owner, replaced by each call.
class Rdf {
 public:
  Rdf() = default;
  explicit Rdf(ldns_rdf* rdf) : rdf_(rdf) {}
  Rdf(const Rdf&) = delete;
  Rdf& operator=(const Rdf&) = delete;
  Rdf(Rdf&& other) noexcept : rdf_(std::exchange(other.rdf_, nullptr)) {}
  Rdf& operator=(Rdf&& other) noexcept {
    std::swap(rdf_, other.rdf_);
    return *this;
  }
  ~Rdf() { ldns_rdf_deep_free(rdf_); }
  ldns_rdf** slot() { return &rdf_; }
  [[nodiscard]] Rdf clone() const { return Rdf(rdf_ == nullptr ? nullptr : ldns_rdf_clone(rdf_)); }

 private:
  ldns_rdf* rdf_ = nullptr;
};

Bytes bytes_of_rdf(const ldns_rdf* rdf) {
  return {ldns_rdf_data(rdf), ldns_rdf_size(rdf)};
}

/// The line of a "(" that nothing closes, or 0; the file is at its start again. ldns would take the rest of
/// the file for one record.
int unclosed(std::FILE* file) {
  int line = 1, opened = 0, depth = 0;
  bool quoted = false, comment = false;
  for (int c = std::getc(file); c != EOF; c = std::getc(file)) {
    if (c == '\n') {
      ++line;
      quoted = comment = false;
    } else if (c == '\\' && !comment) {
      (void)std::getc(file);
    } else if (c == '"' && !comment) {
      quoted = !quoted;
    } else if (c == ';' && !quoted) {
      comment = true;
    } else if (c == '(' && !quoted && !comment) {
      if (depth++ == 0) opened = line;
    } else if (c == ')' && !quoted && !comment) {
      --depth;
    }
  }
  std::rewind(file);
  return depth > 0 ? opened : 0;
}

class Reader {
 public:
  explicit Reader(const WireName& origin) : origin_(origin) {}

  /// Reads one file to its end; an error is its line.
  std::optional<Error> read(const std::string& path, Rdf origin, unsigned depth);
  ZoneText take() { return std::move(text_); }

 private:
  /// One file being read.
  struct Source {
    std::FILE* file = nullptr;
    std::uint32_t place = 0;
    Rdf origin;
    Rdf owner;  // of the record before, for lines that begin with a blank
    int line = 0;
    unsigned depth = 0;
  };
  std::optional<Error> read_entry(Source& source);
  std::optional<Error> add(const ldns_rr& rr, const Source& source);
  std::optional<Error> include(Source& source, long entry);
  std::optional<Error> state_ttl(const Source& source, long entry);
  [[nodiscard]] Error error(const Source& source, const std::string& what) const {
    return {fmt::format("{}:{}: {}", text_.files[source.place], source.line, what)};
  }

  const WireName& origin_;
  ZoneText text_;
  std::uint32_t ttl_ = kNoTtl;
  bool ttl_stated_ = false;  // by $TTL (RFC 2308 §4); else the last record's counts (RFC 1035 §5.1)
};

std::optional<Error> Reader::read(const std::string& path, Rdf origin, unsigned depth) {
  const FilePtr file(std::fopen(path.c_str(), "re"), std::fclose);
  if (!file) return Error{fmt::format("{}: cannot read the zone file: {}", path, std::strerror(errno))};
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return Error{fmt::format("{}: is a directory, not a zone file", path)};
  Source source{.file = file.get(),
                .place = static_cast<std::uint32_t>(text_.files.size()),
                .origin = std::move(origin),
                .owner = {},
                .line = 0,
                .depth = depth};
  text_.files.push_back(path);
  if (const int line = unclosed(file.get()); line != 0)
    return Error{fmt::format("{}:{}: this parenthesis is never closed", path, line)};
  while (std::feof(file.get()) == 0) {
    if (auto bad = read_entry(source)) return bad;
    if (std::ferror(file.get()) != 0)
      return Error{fmt::format("{}: cannot read the zone file: {}", path, std::strerror(errno))};
  }
  return {};
}

std::optional<Error> Reader::read_entry(Source& source) {
  const long entry = std::ftell(source.file);
  ldns_rr* raw = nullptr;
  const ldns_status status =
      ldns_rr_new_frm_fp_l(&raw, source.file, &ttl_, source.origin.slot(), source.owner.slot(), &source.line);
  const RrPtr rr(raw, ldns_rr_free);
  switch (status) {
    case LDNS_STATUS_OK:
      return rr ? add(*rr, source) : std::nullopt;
    case LDNS_STATUS_SYNTAX_TTL:
      return state_ttl(source, entry);
    case LDNS_STATUS_SYNTAX_ORIGIN:
    case LDNS_STATUS_SYNTAX_EMPTY:
      return {};
    case LDNS_STATUS_SYNTAX_INCLUDE:
      return include(source, entry);
    default:
      return error(source, ldns_get_errorstr_by_id(status));
  }
}

std::optional<Error> Reader::add(const ldns_rr& rr, const Source& source) {
  if (ldns_rr_get_class(&rr) != LDNS_RR_CLASS_IN)
    return error(source, "only class IN is served; remove this record or give it class IN");
  const auto* form = ldns_rr_descript(static_cast<std::uint16_t>(ldns_rr_get_type(&rr)));
  if (ldns_rr_rd_count(&rr) < ldns_rr_descriptor_minimum(form))
    return error(source, "the record's data are incomplete");
  ZoneRecord record;
  record.owner = lower_name(bytes_of_rdf(ldns_rr_owner(&rr)));
  record.type = static_cast<std::uint16_t>(ldns_rr_get_type(&rr));
  record.place = source.place;
  record.line = static_cast<std::uint32_t>(source.line);
  for (std::size_t i = 0; i < ldns_rr_rd_count(&rr); ++i) {
    const ldns_rdf* rdf = ldns_rr_rdf(&rr, i);
    if (ldns_rdf_get_type(rdf) == LDNS_RDF_TYPE_DNAME)
      record.names.push_back(static_cast<std::uint16_t>(record.rdata.size()));
    record.rdata += as_text(bytes_of_rdf(rdf));
    if (record.rdata.size() > kMaxRdata) return error(source, "the record's data exceed 65,535 octets");
  }
  record.ttl = ldns_rr_ttl(&rr);
  if (record.ttl == kNoTtl) {
    // Without any TTL the SOA's minimum is what RFC 1035 meant by it.
    if (record.type != wire::rrtype::kSoa)
      return error(source, "no TTL is given for this record; begin the file with $TTL");
    record.ttl = static_cast<std::uint32_t>(ByteReader(as_bytes(record.rdata).last(4)).u32());
  }
  if (record.ttl > kMaxTtl) return error(source, "the TTL exceeds 2147483647");
  if (!ttl_stated_) ttl_ = record.ttl;
  if (!at_or_below(bytes_of(record.owner), bytes_of(origin_)))
    return error(source,
                 fmt::format("{} is outside the zone {}; a name without a last dot is relative to $ORIGIN",
                             name_text(bytes_of(record.owner)), name_text(bytes_of(origin_))));
  text_.records.push_back(std::move(record));
  return {};
}

constexpr std::string_view kBlanks = " \t\r\n";

/// Next word of a control entry: up to a blank, or quoted (RFC 1035 §5.1).
std::string next_word(std::string_view& text) {
  const auto start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos || text[start] == ';') return {};
  text.remove_prefix(start);
  const bool quoted = text.front() == '"';
  if (quoted) text.remove_prefix(1);
  const auto end = std::min(text.find_first_of(quoted ? "\"\n" : " \t\r\n;"), text.size());
  std::string word(text.substr(0, end));
  text.remove_prefix(std::min(end + (quoted ? 1 : 0), text.size()));
  return word;
}

/// The text of the control entry that starts at offset `entry` and has been read, from behind its directive.
std::string arguments(std::FILE* file, long entry, std::string_view directive) {
  const long after = std::ftell(file);
  std::string text(static_cast<std::size_t>(after - entry), '\0');
  std::fseek(file, entry, SEEK_SET);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fseek(file, after, SEEK_SET);
  return text.substr(std::min(text.find(directive) + directive.size(), text.size()));
}

/// ldns takes any word for a TTL, and what is no number for 0.
std::optional<Error> Reader::state_ttl(const Source& source, long entry) {
  const std::string text = arguments(source.file, entry, "$TTL");
  std::string_view words = text;
  const std::string ttl = next_word(words);
  if (ttl.empty() || ttl.find_first_not_of("0123456789sSmMhHdDwW") != std::string::npos || ttl[0] > '9')
    return error(source, fmt::format("'{}' is not a TTL; write seconds, or a period such as 1h30m", ttl));
  if (ttl_ > kMaxTtl) return error(source, "the TTL exceeds 2147483647");
  ttl_stated_ = true;
  return {};
}

/// ldns sees $INCLUDE, but does not read the file.
std::optional<Error> Reader::include(Source& source, long entry) {
  const std::string text = arguments(source.file, entry, "$INCLUDE");
  std::string_view words = text;
  const std::string path = next_word(words);
  const std::string name = next_word(words);
  if (path.empty()) return error(source, "$INCLUDE needs a file name");
  if (source.depth >= kMaxIncludes) return error(source, "$INCLUDE is nested too deep; does it loop?");
  Rdf origin = source.origin.clone();
  if (!name.empty()) {
    origin = Rdf(ldns_dname_new_frm_str(name.c_str()));
    if (*origin.slot() == nullptr) return error(source, fmt::format("'{}' is not a domain name", name));
    if (name.back() != '.' && ldns_dname_cat(*origin.slot(), *source.origin.slot()) != LDNS_STATUS_OK)
      return error(source, fmt::format("'{}' is too long a name here", name));
  }
  // Neither origin nor owner of this file changes by what it includes (RFC 1035 §5.1).
  const auto directory = std::filesystem::path(text_.files[source.place]).parent_path();
  auto bad = read((directory / path).string(), std::move(origin), source.depth + 1);
  if (bad && bad->text.find("cannot read") != std::string::npos) return error(source, bad->text);
  return bad;
}

}  // namespace

Bytes ZoneRecord::name_at(std::size_t offset) const {
  const Bytes all = as_bytes(rdata);
  std::size_t end = offset;
  while (all[end] != 0) end += 1U + all[end];
  return all.subspan(offset, end + 1 - offset);
}

std::string ZoneText::where(const ZoneRecord& record) const {
  return fmt::format("{}:{}: ", files[record.place], record.line);
}

Result<ZoneText> read_zone_file(const std::string& file, const WireName& origin) {
  Rdf root(ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, origin.size(), origin.data()));
  Reader reader(origin);
  if (auto bad = reader.read(file, std::move(root), 0)) return *bad;
  return reader.take();
}

}  // namespace flagfall::dns
