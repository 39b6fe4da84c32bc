// `flagfall tune`: its command line, and what is printed where.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "delay/tune_json.hh"
#include "tools/admin_client.hh"
#include "tools/commands.hh"
#include "tools/rows_source.hh"
#include "tools/tune_svg.hh"
#include "tools/tune_text.hh"

namespace flagfall::tools {
namespace {

struct Words {
  std::string service;
  std::string socket = kDefaultSocket;
  std::string file;
  std::string on_time;
  unsigned nearest = 0;
  std::vector<std::string> what_if;
  bool json = false;
  bool plot = false;
  std::string svg;
};

int fail(const std::string& text, int status = 1) {
  std::cerr << "flagfall tune: " << text << '\n';
  return status;
}

/// "0.999" or "99.9%": above 0, 1 at most.
Result<double> parse_share(const std::string& text) {
  const bool percent = text.ends_with('%');
  double value = 0;
  const char* end = text.data() + text.size() - (percent ? 1 : 0);
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (percent) value /= 100;
  if (error != std::errc() || at != end || !(value > 0 && value <= 1))
    return Error{fmt::format("--on-time {}: a share above 0, at most 1, such as 0.999", text)};
  return value;
}

std::size_t terminal_columns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  constexpr std::size_t kUsual = 80;
  const char* columns = std::getenv("COLUMNS");  // NOLINT(concurrency-mt-unsafe): one thread
  std::size_t value = 0;
  if (columns == nullptr) return kUsual;
  const std::string_view text(columns);
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && value > 0 ? std::min<std::size_t>(value, 500) : kUsual;
}

Status apply(const std::vector<std::string>& changes, Rows& rows) {
  const std::vector<std::string>& names = rows.reader.header()->slaves;
  for (const std::string& text : changes) {
    const auto what = delay::parse_what_if(text);
    if (!what) return Error{"--what-if " + what.error()};
    const auto at = std::ranges::find(names, what->slave);
    if (at == names.end())
      return Error{fmt::format("--what-if {}: no slave '{}'; there are: {}", text, what->slave,
                               fmt::join(names, ", "))};
    rows.reader.table().apply(static_cast<std::size_t>(at - names.begin()), *what);
  }
  return Ok{};
}

Result<Rows> read(const Words& words) {
  if (!words.file.empty()) return rows_from_file(words.file, words.service);
  return rows_from_master(words.service,
                          [&](const std::string& path) { return ask(words.socket, "GET", path); });
}

Status write_file(const std::string& path, const std::string& text) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file)
    return Error{fmt::format("{}: {}", path, std::generic_category().message(errno == 0 ? EIO : errno))};
  return Ok{};
}

/// What the rows do not hold, for who trusts figures.
void notes(const Rows& rows) {
  const auto say = [](const std::string& text) { std::cerr << "flagfall tune: note: " << text << '\n'; };
  if (rows.cut) say("the file's last line was cut off, and is left out");
  if (rows.reader.missed() > 0) say(fmt::format("{} races are missing between these", rows.reader.missed()));
  if (rows.reader.repeated() > 0)
    say(fmt::format("{} races came twice, and count once", rows.reader.repeated()));
  if (rows.reader.restarts() > 0)
    say(fmt::format("the master was restarted {} times between these races", rows.reader.restarts()));
  if (const std::uint64_t n = rows.reader.header()->one_in; n > 1)
    say(fmt::format("the master has more races than it remembers: one of {} is in here", n));
}

int run(const Words& words) {
  if (words.service.empty() && words.file.empty()) return fail("write the service's name, or --file", 2);
  auto rows = read(words);
  if (!rows) return fail(rows.error());
  if (const Status good = apply(words.what_if, *rows); !good) return fail(good.error(), 2);
  const delay::RowsHeader& header = *rows->reader.header();
  delay::TuneOptions options = delay::tune_options(header);
  if (!words.on_time.empty()) {
    const auto share = parse_share(words.on_time);
    if (!share) return fail(share.error(), 2);
    options.on_time = *share;
  }
  if (words.nearest > 0) options.trade.nearest = words.nearest;
  const PlotSize size{.columns = terminal_columns(), .colour = isatty(STDOUT_FILENO) == 1};
  if (!words.svg.empty())
    options.curve_points = kSvgPoints;
  else if (words.plot)
    options.curve_points = plot_points(size);
  const delay::Tune tune = delay::tune(rows->reader.table(), options);
  if (!words.svg.empty())
    if (const Status written = write_file(words.svg, tune_svg(tune, header)); !written)
      return fail("--svg " + written.error());
  if (words.json) {
    std::cout << delay::tune_json(tune, header).dump(-1, ' ', true) << '\n';
  } else {
    notes(*rows);
    std::cout << tune_text(tune, header);
    if (words.plot && tune.races > 0) std::cout << '\n' << tune_plot(tune, header, size);
  }
  std::cout.flush();
  if (!std::cout) return fail("the output cannot be written");
  return tune.races > 0 ? 0
                        : fail(fmt::format("{}: no races yet; ask again when some were run", header.service));
}

}  // namespace

void add_tune(CLI::App& app, int& status) {
  CLI::App* tune =
      app.add_subcommand("tune", "What each delay of a service buys and costs, and which to take");
  const auto words = std::make_shared<Words>();
  tune->add_option("service", words->service, "The service's name in the master's configuration")
      ->type_name("SERVICE");
  CLI::Option* socket = tune->add_option("--socket", words->socket, "The master's admin socket")
                            ->type_name("PATH")
                            ->capture_default_str();
  tune->add_option("--file", words->file, "Rows that flagfall record wrote, instead of a live master's")
      ->type_name("FILE")
      ->excludes(socket);
  tune->add_option("--on-time", words->on_time,
                   "The share of races that shall have every slave on time, such as 0.999; otherwise the one "
                   "that the service's delay follows, or 0.99")
      ->type_name("SHARE");
  tune->add_option("--nearest", words->nearest, "Only so many slaves must be on time: those that need least")
      ->check(CLI::Range(1U, static_cast<unsigned>(delay::NeedsTable::kMostColumns)))
      ->type_name("N");
  tune->add_option("--what-if", words->what_if,
                   "A slave whose way were longer, shorter or stretched: slave=fra,+15ms, slave=fra,-5ms, "
                   "slave=fra,*1.2; any number of times")
      ->type_name("CHANGE")
      ->take_all();
  tune->add_flag("--plot", words->plot, "Draw the share over the delay, too");
  tune->add_option("--svg", words->svg, "Write that as a picture into a file, too")->type_name("FILE");
  tune->add_flag("--json", words->json, "One JSON object, nothing else")->excludes("--plot");
  tune->callback([words, &status] { status = run(*words); });
}

}  // namespace flagfall::tools
