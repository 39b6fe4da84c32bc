// The plot of tools/tune_text.hh.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "tools/tune_text.hh"

namespace flagfall::tools {
namespace {

using delay::CurvePoint;

constexpr std::size_t kAxis = 7;  // "100 % ┤"
/// Unicode's Braille patterns: U+2800 and a bit for each of two by four dots (Unicode 15, chapter 21.1).
constexpr std::array<std::array<unsigned, 4>, 2> kDots{{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}};

std::string utf8(unsigned code) {  // of U+0800 to U+FFFF
  return {static_cast<char>(0xe0U | (code >> 12U)), static_cast<char>(0x80U | ((code >> 6U) & 0x3fU)),
          static_cast<char>(0x80U | (code & 0x3fU))};
}

double ms(Nanos ns) {
  return std::chrono::duration<double, std::milli>(ns).count();
}

class Chart {
 public:
  Chart(const delay::Tune& tune, const PlotSize& size)
      : tune_(tune),
        size_(size),
        width_(std::max(size.columns, kLeastPlot) - kAxis - 1),
        cells_(width_ * size.rows) {}

  std::string draw(const std::vector<std::string>& names) {
    const std::vector<CurvePoint>& curve = tune_.curve;
    std::optional<std::size_t> before;
    for (std::size_t x = 0; x < 2 * width_; ++x) {
      const std::size_t y = height(at(curve, x).together);
      // A steep curve is one line, too.
      const std::size_t from = before ? std::min(*before, y) : y, to = before ? std::max(*before, y) : y;
      for (std::size_t dot = from; dot <= to; ++dot) set(x, dot);
      before = y;
    }
    mark();
    std::string out;
    for (std::size_t row = 0; row < size_.rows; ++row) out += line(row);
    out += axis();
    for (std::size_t i = 0; i < names.size(); ++i)
      if (tune_.slaves[i].races > 0) out += strip(names[i], i);
    return out;
  }

 private:
  [[nodiscard]] const CurvePoint& at(const std::vector<CurvePoint>& curve, std::size_t x) const {
    return curve[x * (curve.size() - 1) / (2 * width_ - 1)];
  }
  /// Dots from the top.
  [[nodiscard]] std::size_t height(double share) const {
    return static_cast<std::size_t>(std::lround((1 - share) * static_cast<double>(4 * size_.rows - 1)));
  }
  void set(std::size_t x, std::size_t y) { cells_[y / 4 * width_ + x / 2] |= kDots.at(x % 2).at(y % 4); }

  [[nodiscard]] std::size_t column(Nanos delay) const {
    const Nanos from = tune_.curve.front().delay, to = tune_.curve.back().delay;
    const double part = ms(delay - from) / ms(to - from) * static_cast<double>(width_ - 1);
    return static_cast<std::size_t>(std::clamp(std::lround(part), 0L, static_cast<long>(width_ - 1)));
  }
  void mark() {
    for (const delay::Candidate& c : tune_.candidates) {
      if (c.recommended) best_ = column(c.delay);
      if (c.current) now_ = column(c.delay);
    }
  }
  [[nodiscard]] std::string coloured(const char* code, const std::string& text) const {
    return size_.colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }

  [[nodiscard]] std::string line(std::size_t row) const {
    // Labels where a quarter falls on a row.
    std::string out(kAxis - 1, ' ');
    std::string tick = "│";
    for (const int quarter : {100, 75, 50, 25, 0}) {
      if (height(quarter / 100.0) / 4 != row) continue;
      out = fmt::format("{:>3} % ", quarter);
      tick = "┤";
    }
    out += tick;
    for (std::size_t x = 0; x < width_; ++x) {
      const unsigned dots = cells_[row * width_ + x];
      if (dots != 0)
        out += coloured("36", utf8(0x2800 + dots));
      else if (best_ == x)
        out += coloured("32", "│");
      else if (now_ == x)
        out += coloured("33", "┊");
      else
        out += ' ';
    }
    return out + "\n";
  }

  [[nodiscard]] std::string axis() const {
    std::string out = std::string(kAxis - 1, ' ') + "└";
    for (std::size_t x = 0; x < width_; ++x) out += best_ == x ? "┴" : "─";
    const std::string from = fmt::format("{:.1f} ms", ms(tune_.curve.front().delay));
    const std::string to = fmt::format("{:.1f} ms", ms(tune_.curve.back().delay));
    const std::size_t gap = width_ - std::min(width_, from.size() + to.size());
    return out + "\n" + std::string(kAxis, ' ') + from + std::string(gap, ' ') + to + "\n";
  }

  /// A slave's share as blocks of eight heights.
  [[nodiscard]] std::string strip(const std::string& name, std::size_t slave) const {
    std::string label = name.substr(0, kAxis - 1);
    std::ranges::replace_if(
        label, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
    std::string out = fmt::format("{:<{}}", label, kAxis);
    for (std::size_t x = 0; x < width_; ++x) {
      const double share = at(tune_.curve, 2 * x).slaves[slave];
      const auto eighths = static_cast<unsigned>(std::lround(share * 8));
      out += eighths == 0 ? " " : utf8(0x2580 + eighths);  // U+2581 to U+2588
    }
    return out + "\n";
  }

  const delay::Tune& tune_;
  const PlotSize& size_;
  std::size_t width_;
  std::vector<unsigned> cells_;
  std::optional<std::size_t> best_, now_;
};

}  // namespace

std::size_t plot_points(const PlotSize& size) {
  return 2 * (std::max(size.columns, kLeastPlot) - kAxis - 1);
}

std::string tune_plot(const delay::Tune& tune, const delay::RowsHeader& rows, const PlotSize& size) {
  if (tune.curve.empty()) return {};
  const delay::Candidate* best = tune.recommended();
  std::string title = "races with ";
  title += std::ranges::all_of(tune.slaves, &delay::SlaveNeeds::counted) ? "all slaves" : "those that count";
  title += fmt::format(" on time, by delay; │ recommended, {:.1f} ms", ms(best->delay));
  const auto now = std::ranges::find_if(tune.candidates, &delay::Candidate::current);
  if (now != tune.candidates.end()) title += fmt::format("; ┊ now, {:.1f} ms", ms(now->delay));
  return title + "\n" + Chart(tune, size).draw(rows.slaves);
}

}  // namespace flagfall::tools
