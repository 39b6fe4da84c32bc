#include "common/base/log.hh"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <cstdlib>
#include <string>

namespace flagfall::log {
namespace {

/// sd-daemon(3) priorities, so that `journalctl -p` works.
class JournalPrefix final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& out) override {
    constexpr std::string_view digits = "7764326";  // trace debug info warn err critical off
    const std::string prefix = {'<', digits.at(static_cast<std::size_t>(message.level)), '>'};
    out.append(prefix.data(), prefix.data() + prefix.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return spdlog::details::make_unique<JournalPrefix>();
  }
};

}  // namespace

Status init(std::string_view program, std::string_view level) {
  spdlog::level::level_enum parsed{};
  if (level == "debug") {
    parsed = spdlog::level::debug;
  } else if (level == "info") {
    parsed = spdlog::level::info;
  } else if (level == "warning") {
    parsed = spdlog::level::warn;
  } else if (level == "error") {
    parsed = spdlog::level::err;
  } else {
    return Error{fmt::format("log level '{}' is unknown: use debug, info, warning or error", level)};
  }
  auto logger = std::make_shared<spdlog::logger>(std::string(program),
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::info);
  if (std::getenv("JOURNAL_STREAM") != nullptr) {  // NOLINT(concurrency-mt-unsafe): before any thread
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<JournalPrefix>('J').set_pattern("%J%v");
    logger->set_formatter(std::move(formatter));
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %n %l: %v");
  }
  spdlog::set_default_logger(std::move(logger));
  return Ok{};
}

}  // namespace flagfall::log
