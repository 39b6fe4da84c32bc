#include "common/http/date_field.hh"

#include <fmt/format.h>

#include <ctime>

namespace flagfall::http {

void DateField::set(RealTime now) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = to_timespec(now.time_since_epoch()).tv_sec;
  std::tm t{};
  if (gmtime_r(&seconds, &t) == nullptr) return;
  const auto done = fmt::format_to_n(
      text_.data(), text_.size(), "Date: {}, {:02} {} {} {:02}:{:02}:{:02} GMT\r\n",
      kDays.at(static_cast<std::size_t>(t.tm_wday)), t.tm_mday,
      kMonths.at(static_cast<std::size_t>(t.tm_mon)), t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  size_ = done.size <= text_.size() ? done.size : 0;
}

}  // namespace flagfall::http
