#include "sim/operators.hh"

#include <fmt/format.h>

namespace flagfall::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

/// The place of clients, of a part of one, or of nobody.
Prefix Operators::any_prefix() {
  IpAddress ip = lots_.any(options_.clients);
  const unsigned bits = ip.family == Family::v4 ? 32 : 128;
  unsigned length = lots_.between(bits == 32 ? 16 : 32, bits + 1);
  if (lots_.chance(0.4)) {
    const unsigned third = lots_.between(0, 4);
    const unsigned second = lots_.between(0, 4);
    ip = *parse_ip(fmt::format("10.{}.{}.0", second, third));
    length = lots_.between(8, 25);
  }
  return {masked(ip, length), static_cast<std::uint8_t>(length)};
}

void Operators::command(Control& desk) {
  const std::size_t service = lots_.any(options_.services);
  const std::string server = lots_.any(options_.slaves);
  switch (lots_.between(0, 6)) {
    case 0:
      return desk.drain(server, true);
    case 1:
      for (const std::string& each : options_.slaves) desk.drain(each, false);
      return;
    case 2:
      if (!bound_.empty()) desk.unbind(service, lots_.any(bound_));
      return;
    default:
      bound_.push_back(any_prefix());
      desk.bind(service, bound_.back(), server);
  }
}

void Operators::contest() {
  const std::size_t service = lots_.any(options_.services);
  const Prefix prefix = bound_.empty() ? any_prefix() : lots_.any(bound_);
  bound_.push_back(prefix);
  const std::string server = lots_.any(options_.slaves);
  const bool about_server = lots_.chance(0.3);
  Nanos later{};
  for (unsigned n = lots_.between(1, 4); n > 0; --n, later += lots_.between(Nanos(0), milliseconds(1500)))
    world_.queue.after(later, [this, service, prefix, server, about_server] {
      Control* const desk = lots_.any(options_.masters)->control_desk();
      if (desk == nullptr) return;
      if (about_server) return desk->drain(server, lots_.chance(0.4));
      if (lots_.chance(0.5)) return desk->unbind(service, prefix);
      desk->bind(service, prefix, lots_.any(options_.slaves));
    });
}

void Operators::begin(Options options) {
  options_ = std::move(options);
  if (options_.masters.empty() || options_.services.empty()) return;
  for (unsigned n = lots_.between(5, 60); n > 0; --n)
    world_.queue.after(some_time(seconds(1)), [this] {
      if (Control* const desk = lots_.any(options_.masters)->control_desk()) command(*desk);
    });
  if (!options_.together) return;
  for (unsigned n = lots_.between(1, 30); n > 0; --n)
    world_.queue.after(lots_.between(seconds(1), options_.end - kStart - seconds(5)), [this] { contest(); });
}

void Operators::trouble(double likely, const std::function<void()>& count, void (Disk::*what)(RefTime, Nanos),
                        const char* word) {
  if (!lots_.chance(likely)) return;
  for (unsigned n = lots_.between(1, 4); n > 0; --n) {
    world_.queue.after(some_time(seconds(4)), [this, count, what, word] {
      count();
      MasterHost& host = *lots_.any(options_.masters);
      const Nanos how_long = lots_.between(milliseconds(100), seconds(8));
      world_.trace.line(world_.now(), "the disk of {} {} for {} ms", host.name(), word,
                        how_long.count() / 1'000'000);
      (host.disk().*what)(world_.now(), how_long);
      // What a process has in hand is lost, and what the next one is to read must wait.
      if (!lots_.chance(0.4)) return;
      world_.queue.after(lots_.between(milliseconds(1), seconds(3)), [this, &host] {
        host.kill();
        world_.queue.after(lots_.between(milliseconds(1), seconds(4)), [&host] { host.start(); });
      });
    });
  }
}

void Operators::spoil_disks(const std::function<void()>& hung, const std::function<void()>& full) {
  if (options_.masters.empty()) return;
  trouble(0.6, hung, &Disk::hang, "hangs");
  trouble(0.55, full, &Disk::fill, "is full");
}

}  // namespace flagfall::sim
