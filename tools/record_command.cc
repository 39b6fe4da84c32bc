// `flagfall record`: follows a live master and writes its rows into a file. The
// shell of tools/recorder.hh: time, signals, the socket and the file.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <system_error>

#include "common/base/time.hh"
#include "common/config/types.hh"
#include "common/net/fd.hh"
#include "common/net/loop.hh"
#include "tools/admin_client.hh"
#include "tools/commands.hh"
#include "tools/recorder.hh"

namespace flagfall::tools {
namespace {

/// Rows settle 2.5 s after their race; the master remembers some thousands of them.
constexpr Nanos kPoll = std::chrono::seconds(1);
/// Without a terminal, progress is a line now and then.
constexpr Nanos kProgress = std::chrono::minutes(1);

struct Words {
  std::string service;
  std::string socket = kDefaultSocket;
  std::string output;
  std::string duration;
  std::uint64_t races = delay::kMostFileRows;
};

/// A file that ends with a whole line, also when the disk is full.
class RowsFile {
 public:
  static Result<RowsFile> make(const std::string& path) {
    RowsFile out;
    out.fd_ = net::Fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (out.fd_) return out;
    if (errno == EEXIST)
      return Error{fmt::format("{}: it is there already; name another, or remove it", path)};
    return Error{fmt::format("{}: {}", path, std::generic_category().message(errno))};
  }
  Status append(std::string_view text) {
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t n = write(fd_.get(), text.data() + done, text.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n >= 0) {
        done += static_cast<std::size_t>(n);
        continue;
      }
      const int error = errno;
      const std::size_t whole = text.substr(0, done).rfind('\n') + 1;  // npos + 1 is 0
      size_ += static_cast<off_t>(done > 0 ? whole : 0);
      (void)ftruncate(fd_.get(), size_);
      return Error{std::generic_category().message(error)};
    }
    size_ += static_cast<off_t>(text.size());
    return Ok{};
  }

 private:
  net::Fd fd_;
  off_t size_ = 0;
};

class Recording {
 public:
  Recording(const Words& words, std::optional<Nanos> duration, RowsFile file)
      : words_(words),
        duration_(duration),
        file_(std::move(file)),
        recorder_(words.service, words.races),
        tty_(isatty(STDERR_FILENO) == 1) {}

  /// `first`: the answer to the first request.
  int run(const std::string& first) {
    const net::Watch interrupt = loop_.on_signal(SIGINT, [this] { finish(); });
    const net::Watch terminate = loop_.on_signal(SIGTERM, [this] { finish(); });
    started_ = said_ = clock_.mono();
    take(first);
    const net::Watch ticker = loop_.every(kPoll, [this] { look(); });
    net::Watch end;
    if (duration_) end = loop_.after(*duration_, [this] { finish(); });
    if (!done_) loop_.run();
    return status_;
  }

 private:
  void say(const std::string& text) {
    std::cerr << (tty_ && line_open_ ? "\n" : "") << "flagfall record: " << text << '\n';
    line_open_ = false;
  }

  void look() {
    do {
      const auto body = ask(words_.socket, "GET", recorder_.path());
      if (!body) {
        if (!std::exchange(silent_, true)) say(body.error() + "; waiting for it");
        return;
      }
      if (std::exchange(silent_, false)) say("the master answers again");
      take(*body);
    } while (recorder_.behind() && !done_);
    progress();
  }

  void take(const std::string& body) {
    const auto lines = recorder_.take(body);
    if (!lines) return stop(fmt::format("what the master answered: {}", lines.error()));
    if (const Status written = file_.append(*lines); !written)
      return stop(fmt::format("{}: {}; it ends with a whole race", words_.output, written.error()));
    if (recorder_.full()) finish();
  }

  void progress() {
    if (done_) return;
    if (tty_) {
      std::cerr << "\r" << count() << std::flush;
      line_open_ = true;
    } else if (clock_.mono() - said_ >= kProgress) {
      said_ = clock_.mono();
      say(count());
    }
  }

  [[nodiscard]] std::string count() const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(clock_.mono() - started_).count();
    std::string out = fmt::format("{} races in {} s", recorder_.races(), seconds);
    if (recorder_.missed() > 0) out += fmt::format(", {} missed", recorder_.missed());
    if (recorder_.restarts() > 0) out += fmt::format(", {} restarts of the master", recorder_.restarts());
    return out;
  }

  /// Something went wrong for good.
  void stop(const std::string& why) {
    if (std::exchange(done_, true)) return;
    say(why);
    status_ = 1;
    loop_.stop();
  }

  /// As was wanted: by time, by count, or by Ctrl-C.
  void finish() {
    if (std::exchange(done_, true)) return;
    const Status written = file_.append(recorder_.last_header());
    if (!written) {
      say(fmt::format("{}: {}", words_.output, written.error()));
      status_ = 1;
    }
    say(fmt::format("{}, into {}", count(), words_.output));
    if (recorder_.races() == 0) status_ = 1;
    loop_.stop();
  }

  const Words& words_;
  std::optional<Nanos> duration_;
  RowsFile file_;
  Recorder recorder_;
  SystemClock clock_;
  net::Loop loop_;
  MonoTime started_, said_;
  bool tty_;
  bool line_open_ = false;
  bool silent_ = false;
  bool done_ = false;
  int status_ = 0;
};

int run(const Words& words) {
  const auto fail = [](const std::string& text, int status) {
    std::cerr << "flagfall record: " << text << '\n';
    return status;
  };
  std::optional<Nanos> duration;
  if (!words.duration.empty()) {
    const auto parsed = config::parse_duration(words.duration);
    if (!parsed) return fail("--duration: " + parsed.error(), 2);
    if (*parsed < std::chrono::seconds(1)) return fail("--duration: at least 1s", 2);
    duration = *parsed;
  }
  // A service that is not there makes no file.
  const auto first = ask(words.socket, "GET", Recorder(words.service, 1).path());
  if (!first) return fail(first.error(), 1);
  auto file = RowsFile::make(words.output);
  if (!file) return fail(file.error(), 1);
  return Recording(words, duration, std::move(*file)).run(*first);
}

}  // namespace

void add_record(CLI::App& app, int& status) {
  CLI::App* record =
      app.add_subcommand("record", "Write what each race needs into a file, for flagfall tune");
  const auto words = std::make_shared<Words>();
  record->add_option("service", words->service, "The service's name in the master's configuration")
      ->type_name("SERVICE")
      ->required();
  record->add_option("-o,--output", words->output, "The file; it must not be there yet")
      ->type_name("FILE")
      ->required();
  record->add_option("--socket", words->socket, "The master's admin socket")
      ->type_name("PATH")
      ->capture_default_str();
  record->add_option("--duration", words->duration, "End after this long, such as 10m; otherwise at Ctrl-C")
      ->type_name("TIME");
  record->add_option("--races", words->races, "End after so many races")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{delay::kMostFileRows}))
      ->type_name("N")
      ->capture_default_str();
  record->callback([words, &status] { status = run(*words); });
}

}  // namespace flagfall::tools
