#include "lab/topology_file.hh"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "common/config/schema.hh"
#include "lab/names.hh"

namespace flagfall::config {

template <>
struct Codec<lab::BitRate> {
  static bool read(const Value& v, const Context& c, lab::BitRate& out) {
    const auto* text = std::get_if<std::string>(&v.data);
    const char* const end = text != nullptr ? text->data() + text->size() : nullptr;
    double number = 0;
    const auto [rest, error] = text != nullptr ? std::from_chars(text->data(), end, number)
                                               : std::from_chars_result{nullptr, std::errc::invalid_argument};
    if (error != std::errc{} || !std::isfinite(number)) return c.mismatch(v, name(), example());
    const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
    const double scale = unit == "kbit" ? 1e3 : unit == "Mbit" ? 1e6 : unit == "Gbit" ? 1e9 : 0;
    if (scale == 0) return c.mismatch(v, name(), example());
    // The slowest modem, and more than this program can carry.
    if (number * scale < 300 || number * scale > 1e12) return c.fail(v, "must be from 0.3kbit to 1000Gbit");
    out.bits = static_cast<std::uint64_t>(number * scale);
    return true;
  }
  static std::string write(lab::BitRate value) {
    return toml_string(std::to_string(value.bits / 1000) + "kbit");
  }
  static std::string name() { return "bit rate"; }
  static std::string example() { return "\"10Mbit\""; }
};

}  // namespace flagfall::config

namespace flagfall::lab {

namespace {

using config::Schema;
using config::Where;

struct LinkKeys : LinkChange {
  std::string from;
  std::string to;
  bool one_way = false;
};
struct HostKeys {
  std::string name;
  std::vector<IpAddress> addresses;
  std::optional<IpAddress> management;
};
struct ManagementKeys {
  std::optional<Prefix> network;
};
struct FileKeys {
  std::string lab;
  std::uint64_t seed = 1;
  unsigned mtu = 1500;
  std::uint32_t in_flight = 65536;
  LinkChange fallback;
  ManagementKeys management;
  std::vector<HostKeys> hosts;
  std::vector<LinkKeys> links;
};

/// The keys of a link, in whatever struct they are a part of.
template <class T>
Schema<T> link_keys() {
  Schema<T> s;
  const auto add = [&s]<class M>(const char* name, M LinkChange::*member, config::Key key) {
    s.key(name, static_cast<M T::*>(member), std::move(key));
  };
  add("delay", &LinkChange::delay,
      {.help = "One-way delay, the least that a packet takes", .least = "0ms", .most = "1m"});
  add("jitter", &LinkChange::jitter,
      {.help = "Up to this much is added to each packet's delay, uniformly at random; the order is kept",
       .least = "0ms",
       .most = "1m"});
  add("loss", &LinkChange::loss, {.help = "Share of packets that vanish", .least = "0", .most = "1"});
  add("rate", &LinkChange::rate, {.help = "Bits per second of IP packets; without it, no limit"});
  add("queue", &LinkChange::queue,
      {.help = "Octets that may wait for the rate", .least = "1kB", .most = "1GiB"});
  add("reorder", &LinkChange::reorder,
      {.help = "Share of packets that are held back while later ones pass", .least = "0", .most = "1"});
  add("reorder_by", &LinkChange::reorder_by,
      {.help = "How long those are held back", .least = "1us", .most = "1m"});
  return s;
}

void check_names(const FileKeys& file, const Where& where) {
  if (!valid_lab_name(file.lab)) where.error("lab", "must be 1 to 20 letters, digits or '_'");
  std::set<std::string> names;
  for (std::size_t i = 0; i < file.hosts.size(); ++i) {
    const std::string& name = file.hosts[i].name;
    const std::string at = "host." + std::to_string(i) + ".name";
    if (!valid_host_name(name))
      where.error(at, "must be 1 to 30 letters, digits, '_' or '-', the first a letter or digit");
    if (!names.insert(name).second) where.error(at, "two hosts are called '" + name + "'");
  }
  for (std::size_t i = 0; i < file.links.size(); ++i) {
    const LinkKeys& link = file.links[i];
    const std::string at = "link." + std::to_string(i);
    if (!names.contains(link.from)) where.error(at + ".from", "no host is called '" + link.from + "'");
    if (link.to != "*" && !names.contains(link.to))
      where.error(at + ".to", "no host is called '" + link.to + "'");
    if (link.to == link.from) where.error(at + ".to", "a link joins two different hosts");
  }
}

void check_management(const FileKeys& file, const Where& where) {
  std::set<IpAddress> taken;
  for (std::size_t i = 0; i < file.hosts.size(); ++i) {
    const std::optional<IpAddress>& address = file.hosts[i].management;
    const std::string at = "host." + std::to_string(i) + ".management";
    if (!address) continue;
    if (!file.management.network) {
      where.error(at, "there is no [management] network");
    } else if (!file.management.network->contains(*address)) {
      where.error(at, "is not within " + to_string(*file.management.network));
    }
    if (!taken.insert(*address).second) where.error(at, "another host has this address");
  }
}

Schema<FileKeys> file_schema() {
  const auto host =
      Schema<HostKeys>()
          .key("name", &HostKeys::name, {.help = "The host; its namespace is ff-LAB-NAME", .required = true})
          .key("addresses", &HostKeys::addresses,
               {.help = "Its addresses; where several hosts have one, the nearest gets the packet",
                .required = true})
          .key("management", &HostKeys::management, {.help = "Its address on the management network"});
  auto link = link_keys<LinkKeys>();
  link.key("from", &LinkKeys::from, {.help = "One end", .required = true})
      .key("to", &LinkKeys::to, {.help = "The other end; \"*\" for every other host", .required = true})
      .key("one_way", &LinkKeys::one_way, {.help = "Only what goes from `from` to `to`"});
  const auto management =
      Schema<ManagementKeys>().key("network", &ManagementKeys::network,
                                   {.help = "A network without delay, beside the simulated one: its prefix"});
  auto schema = Schema<FileKeys>();
  schema.key("lab", &FileKeys::lab, {.help = "The lab's name, letters and digits", .required = true})
      .key("seed", &FileKeys::seed, {.help = "Of every random decision"})
      .key("mtu", &FileKeys::mtu,
           {.help = "Of every host's interface, octets", .least = "1280", .most = "9000"})
      .key("in_flight", &FileKeys::in_flight,
           {.help = "Packets that may be under way at once", .least = "16", .most = "1000000"})
      .section("default", &FileKeys::fallback, link_keys<LinkChange>(),
               "What links leave out; with a delay, pairs without a link have this one, else they are not "
               "connected")
      .section("management", &FileKeys::management, management)
      .list("host", &FileKeys::hosts, host, {.help = "A host", .required = true})
      .list("link", &FileKeys::links, link, {.help = "The path between two hosts, the same both ways"})
      .check(check_names)
      .check(check_management);
  return schema;
}

void add_link(Topology& topology, const LinkKeys& keys, const Link& fallback) {
  const Link link = keys.applied_to(fallback);
  const HostId from = *topology.find(keys.from);
  for (HostId to = 0; to < topology.hosts.size(); ++to) {
    if (to == from || (keys.to != "*" && topology.hosts[to].name != keys.to)) continue;
    topology.links.push_back({from, to, link});
    if (!keys.one_way) topology.links.push_back({to, from, link});
  }
}

Result<Topology> to_topology(const Result<FileKeys>& file) {
  if (!file) return Error{file.error()};
  Topology out;
  out.lab = file->lab;
  out.seed = file->seed;
  out.mtu = file->mtu;
  out.in_flight = file->in_flight;
  const Link fallback = file->fallback.applied_to(Link{});
  if (file->fallback.delay) out.default_link = fallback;
  out.management = file->management.network;
  for (const HostKeys& host : file->hosts) out.hosts.push_back({host.name, host.addresses, host.management});
  for (const LinkKeys& link : file->links) add_link(out, link, fallback);
  return out;
}

}  // namespace

Link LinkChange::applied_to(Link link) const {
  link.delay = delay.value_or(link.delay);
  link.jitter = jitter.value_or(link.jitter);
  link.loss = loss.value_or(link.loss);
  if (rate) link.rate = rate->bits;
  if (queue) link.queue = static_cast<std::uint64_t>(queue->bytes);
  link.reorder = reorder.value_or(link.reorder);
  link.reorder_by = reorder_by.value_or(link.reorder_by);
  return link;
}

Result<Topology> load_topology(const std::string& path) {
  return to_topology(file_schema().load(path));
}

Result<Topology> parse_topology(std::string_view text, const std::string& name) {
  return to_topology(file_schema().parse(text, name));
}

Result<LinkChange> parse_link_change(const std::vector<std::string>& words) {
  std::string toml;
  for (const std::string& word : words) {
    const std::size_t equals = word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
    if (equals == 0 || equals == std::string::npos || word[equals] != '=')
      return Error{"expected KEY=VALUE, such as delay=20ms, found '" + word + "'"};
    const std::string value = word.substr(equals + 1);
    const bool number = !value.empty() && value.find_first_not_of("0123456789.") == std::string::npos;
    toml += word.substr(0, equals) + " = " + (number ? value : config::toml_string(value)) + "\n";
  }
  return link_keys<LinkChange>().parse(toml, "link");
}

}  // namespace flagfall::lab
