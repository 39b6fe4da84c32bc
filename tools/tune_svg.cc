#include "tools/tune_svg.hh"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace flagfall::tools {
namespace {

constexpr double kWidth = 860, kHeight = 484;
// The plot's place in it.
constexpr double kLeft = 66, kRight = 836, kTop = 122, kBottom = 420;

/// Okabe and Ito's palette, which colour-blind people can tell apart, without its black and yellow.
constexpr std::array<std::string_view, 6> kColours{"#0072b2", "#e69f00", "#009e73",
                                                   "#cc79a7", "#56b4e9", "#d55e00"};

double ms(Nanos ns) {
  return std::chrono::duration<double, std::milli>(ns).count();
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return out;
}

/// 1, 2 or 5 times a power of ten, so that about eight ticks fit.
double tick_step(double range) {
  const double raw = range / 8;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  const double lead = raw / power;
  return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

class Picture {
 public:
  Picture(const delay::Tune& tune, const delay::RowsHeader& rows) : tune_(tune), rows_(rows) {
    if (tune.curve.empty()) return;
    from_ = ms(tune.curve.front().delay);
    to_ = ms(tune.curve.back().delay);
  }

  std::string draw() {
    head();
    shares();
    if (tune_.curve.empty()) {
      text(kWidth / 2, (kTop + kBottom) / 2, "middle", "no races yet", "note");
    } else {
      delays();
      // The strong one first: the slave that needs most lies on it, and shows.
      line([](const delay::CurvePoint& p) { return p.together; }, "#1a1a1a", 5);
      for (std::size_t i = 0; i < rows_.slaves.size(); ++i)
        if (tune_.slaves[i].races > 0)
          line([i](const delay::CurvePoint& p) { return p.slaves[i]; }, colour(i), 1.8);
      marks();
      legend();
    }
    return out_ + "</svg>\n";
  }

 private:
  static std::string_view colour(std::size_t slave) { return kColours.at(slave % kColours.size()); }
  [[nodiscard]] double x(double delay) const {
    return kLeft + (delay - from_) / (to_ - from_) * (kRight - kLeft);
  }
  static double y(double share) { return kBottom - share * (kBottom - kTop); }

  void text(double at_x, double at_y, const char* anchor, std::string_view what, const char* kind = "label") {
    out_ += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}">{}</text>)", at_x, at_y,
                        anchor, kind, escaped(what)) +
            "\n";
  }
  void rule(double x1, double y1, double x2, double y2, std::string_view style) {
    out_ +=
        fmt::format(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" {}/>)", x1, y1, x2, y2, style) +
        "\n";
  }

  void head() {
    out_ = fmt::format(
        R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:g} {1:g}" width="{0:g}" height="{1:g}" role="img">
<title>Delay of {2}: races with every slave on time</title>
<style>
text {{ font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; fill: #444 }}
.title {{ font-size: 18px; font-weight: 600; fill: #1a1a1a }}
.best {{ font-weight: 600; fill: #00704f }}
.note {{ font-size: 16px; fill: #777 }}
</style>
<rect width="{0:g}" height="{1:g}" fill="#ffffff"/>
)",
        kWidth, kHeight, escaped(rows_.service));
    text(kLeft, 32, "start", fmt::format("{}: what a delay buys", rows_.service), "title");
    text(kRight, 32, "end", fmt::format("{} races", tune_.races));
  }

  void shares() {
    for (const int percent : {0, 25, 50, 75, 100}) {
      const double at = y(percent / 100.0);
      rule(kLeft, at, kRight, at, percent == 0 ? R"(stroke="#888")" : R"(stroke="#e4e4e4")");
      text(kLeft - 8, at + 4.5, "end", fmt::format("{} %", percent));
    }
  }

  void delays() {
    const double step = tick_step(to_ - from_);
    for (double at = std::ceil(from_ / step) * step; at <= to_ + step * 1e-6; at += step) {
      rule(x(at), kBottom, x(at), kBottom + 5, R"(stroke="#888")");
      text(x(at), kBottom + 21, "middle", fmt::format("{:g}", std::round(at * 1e6) / 1e6));
    }
    text((kLeft + kRight) / 2, kBottom + 46, "middle", "delay, ms");
  }

  template <class Share>
  void line(const Share& share, std::string_view stroke, double width) {
    std::string points;
    for (const delay::CurvePoint& p : tune_.curve)
      points += fmt::format("{:.1f},{:.1f} ", x(ms(p.delay)), y(share(p)));
    points.pop_back();
    out_ += fmt::format(
        R"(<polyline points="{}" fill="none" stroke="{}" stroke-width="{:g}" stroke-linejoin="round"/>)",
        points, stroke, width);
    out_ += "\n";
  }

  /// A label beside its line, on the side that has room; the two on heights of their own.
  void mark(const delay::Candidate& c, const std::string& label, double height, const char* stroke,
            const char* kind) {
    const double at = x(ms(c.delay));
    rule(at, height - 11, at, kBottom, stroke);
    const bool right = at < (kLeft + kRight) / 2;
    text(at + (right ? 8 : -8), height, right ? "start" : "end", label, kind);
  }

  void marks() {
    for (const delay::Candidate& c : tune_.candidates) {
      const std::string share = fmt::format("{:.1f} ms: {:.2f} %", ms(c.delay), 100 * c.together.value);
      if (c.current && !c.recommended)
        mark(c, "now " + share, kTop - 12, R"(stroke="#b35900" stroke-width="1.5" stroke-dasharray="2 4")",
             "label");
      if (!c.recommended) continue;
      mark(c, (c.current ? "recommended, and now: " : "recommended ") + share, kTop - 28,
           R"(stroke="#00704f" stroke-width="1.5" stroke-dasharray="7 4")", "best");
      out_ += fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="5" fill="#00704f"/>)", x(ms(c.delay)),
                          y(c.together.value));
      out_ += "\n";
    }
  }

  void legend() {
    double at = kLeft;
    const auto entry = [&](std::string_view name, std::string_view stroke, double width) {
      // Eight pixels a character at most; a new row would need a taller head.
      const double room = 34 + 7.4 * static_cast<double>(name.size());
      if (at + room > kRight) return;
      rule(at, 60, at + 20, 60, fmt::format(R"(stroke="{}" stroke-width="{:g}")", stroke, width));
      text(at + 26, 64.5, "start", name);
      at += room + 10;
    };
    const bool all = std::ranges::all_of(tune_.slaves, &delay::SlaveNeeds::counted);
    entry(all ? "every slave on time" : "those that count on time", "#1a1a1a", 5);
    for (std::size_t i = 0; i < rows_.slaves.size(); ++i)
      if (tune_.slaves[i].races > 0) entry(rows_.slaves[i], colour(i), 1.8);
  }

  const delay::Tune& tune_;
  const delay::RowsHeader& rows_;
  double from_ = 0, to_ = 1;
  std::string out_;
};

}  // namespace

std::string tune_svg(const delay::Tune& tune, const delay::RowsHeader& rows) {
  return Picture(tune, rows).draw();
}

}  // namespace flagfall::tools
