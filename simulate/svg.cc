#include "simulate/svg.hh"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>
#include <string_view>

namespace flagfall::simulate {
namespace {

constexpr double kWidth = 900, kHeight = 760, kWithEffects = 1020;
/// A plot's place in the picture.
struct Frame {
  double left, right, top, bottom;
};
constexpr Frame kShares{66, 876, 92, 420}, kCourse{66, 876, 520, 700}, kDelays{66, 446, 840, 960},
    kClockErrors{526, 876, 840, 960};

/// Okabe and Ito's palette, as in tools/tune_svg.cc; ours is black.
constexpr std::array<std::string_view, 6> kColours{"#009e73", "#0072b2", "#e69f00",
                                                   "#cc79a7", "#56b4e9", "#d55e00"};
constexpr std::string_view kOurs = "#1a1a1a", kBound = "#0072b2";

class Picture {
 public:
  Picture(const Outcome& outcome, const std::vector<Effect>& effects) : o_(outcome), effects_(effects) {}

  std::string draw() {
    out_ = fmt::format(
        R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:g} {1:g}" width="{0:g}" height="{1:g}" role="img">
<title>What users get, by way of choosing a site</title>
<style>
text {{ font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; fill: #444 }}
.title {{ font-size: 18px; font-weight: 600; fill: #1a1a1a }}
</style>
<rect width="{0:g}" height="{1:g}" fill="#ffffff"/>
)",
        kWidth, effects_.empty() ? kHeight : kWithEffects);
    shares();
    course();
    effect("delays", "Effect of the delay", kDelays);
    effect("clock-errors", "Effect of clock errors", kClockErrors);
    return out_ + "</svg>\n";
  }

 private:
  void text(double x, double y, const char* anchor, const std::string& what, const char* kind = "label") {
    out_ += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}">{}</text>)", x, y, anchor,
                        kind, what) +
            "\n";
  }
  void rule(double x1, double y1, double x2, double y2, std::string_view stroke, double width = 1) {
    out_ += fmt::format(
                R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="{}" stroke-width="{:g}"/>)",
                x1, y1, x2, y2, stroke, width) +
            "\n";
  }
  void line(const std::string& points, std::string_view stroke, double width) {
    out_ +=
        fmt::format(
            R"(<polyline points="{}" fill="none" stroke="{}" stroke-width="{:g}" stroke-linejoin="round"/>)",
            points, stroke, width) +
        "\n";
  }

  /// Share of requests over the latency, on a logarithmic scale.
  void shares() {
    const Frame& f = kShares;
    constexpr double kFrom = 1, kTo = 1000;
    const auto x = [&](double ms) {
      return f.left + std::log(ms / kFrom) / std::log(kTo / kFrom) * (f.right - f.left);
    };
    const auto y = [&](double share) { return f.bottom - share * (f.bottom - f.top); };
    text(f.left, 32, "start", "Requests answered within a latency", "title");
    for (const int percent : {0, 25, 50, 75, 100}) {
      rule(f.left, y(percent / 100.0), f.right, y(percent / 100.0), percent == 0 ? "#888" : "#e4e4e4");
      text(f.left - 8, y(percent / 100.0) + 4.5, "end", fmt::format("{} %", percent));
    }
    for (const double ms : {1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0}) {
      rule(x(ms), f.bottom, x(ms), f.bottom + 5, "#888");
      text(x(ms), f.bottom + 21, "middle", fmt::format("{:g}", ms));
    }
    text((f.left + f.right) / 2, f.bottom + 42, "middle", "latency, ms");
    double at = f.left;
    const auto curve = [&](const std::string& name, const Spread& spread, std::string_view stroke,
                           double width) {
      std::string points;
      constexpr int kPoints = 120;
      for (int i = 0; i <= kPoints; ++i) {
        const double ms = kFrom * std::pow(kTo / kFrom, static_cast<double>(i) / kPoints);
        points += fmt::format("{:.1f},{:.1f} ", x(ms), y(spread.share_within(ms)));
      }
      points.pop_back();
      line(points, stroke, width);
      rule(at, 60, at + 20, 60, stroke, width);
      text(at + 26, 64.5, "start", name);
      at += 44 + 7 * static_cast<double>(name.size());
    };
    for (std::size_t i = 0; i < o_.others.size(); ++i)
      curve(o_.others[i].name, o_.others[i].ms, kColours.at(i % kColours.size()), 1.8);
    curve("flagfall, all requests", o_.all, kOurs, 2.4);
  }

  /// Mean latency over the oracle's, slice by slice.
  void course() {
    const Frame& f = kCourse;
    double most = 1.2;
    for (const SliceFigures& s : o_.slices) most = std::max(most, std::min(s.ratio_all().value_or(1), 2.0));
    const auto n = static_cast<double>(o_.slices.size());
    const auto x = [&](double slice) { return f.left + slice / n * (f.right - f.left); };
    const auto y = [&](double ratio) {
      return f.bottom - (std::min(ratio, most) - 1) / (most - 1) * (f.bottom - f.top);
    };
    text(f.left, f.top - 34, "start", "Mean latency over the oracle's, in the course of time", "title");
    for (const double ratio : {1.0, 1 + (most - 1) / 4, 1 + (most - 1) / 2, 1 + (most - 1) * 3 / 4, most}) {
      rule(f.left, y(ratio), f.right, y(ratio), ratio <= 1 ? "#888" : "#e4e4e4");
      text(f.left - 8, y(ratio) + 4.5, "end", fmt::format("{:.2f}", ratio));
    }
    const auto steps = [&](const std::function<double(const SliceFigures&)>& ratio, std::string_view stroke) {
      std::string points;
      for (std::size_t i = 0; i < o_.slices.size(); ++i) {
        const double at = y(std::max(ratio(o_.slices[i]), 1.0));
        points += fmt::format("{:.1f},{:.1f} {:.1f},{:.1f} ", x(static_cast<double>(i)), at,
                              x(static_cast<double>(i) + 1), at);
      }
      if (points.empty()) return;
      points.pop_back();
      line(points, stroke, 2.2);
    };
    steps([](const SliceFigures& s) { return s.ratio_all().value_or(1); }, kOurs);
    steps([](const SliceFigures& s) { return s.ratio().value_or(1); }, kBound);
    legend(f);
    text((f.left + f.right) / 2, f.bottom + 24, "middle", fmt::format("{} slices of time", o_.slices.size()));
  }

  /// The same ratio with other values of one option, in the order that they were asked for.
  void effect(std::string_view option, const char* title, const Frame& f) {
    std::vector<std::pair<std::string, const Outcome*>> columns{{"as above", &o_}};
    for (const Effect& e : effects_)
      if (e.option == option) columns.emplace_back(e.value, &e.outcome);
    if (columns.size() == 1) return;
    double most = 1.2;
    for (const auto& column : columns)
      most = std::max(most, std::min(column.second->ratio_all().value_or(1), 3.0));
    const auto x = [&](std::size_t i) {
      return f.left +
             (static_cast<double>(i) + 0.5) / static_cast<double>(columns.size()) * (f.right - f.left);
    };
    const auto y = [&](double ratio) {
      return f.bottom - (std::clamp(ratio, 1.0, most) - 1) / (most - 1) * (f.bottom - f.top);
    };
    text(f.left, f.top - 34, "start", title, "title");
    for (const double ratio : {1.0, 1 + (most - 1) / 2, most}) {
      rule(f.left, y(ratio), f.right, y(ratio), ratio <= 1 ? "#888" : "#e4e4e4");
      text(f.left - 8, y(ratio) + 4.5, "end", fmt::format("{:.2f}", ratio));
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      text(x(i), f.bottom + 24, "middle", columns[i].first);
      dot(x(i), y, columns[i].second->ratio_all(), kOurs);
      dot(x(i), y, columns[i].second->ratio(), kBound);
    }
    legend(f);
  }
  void dot(double x, const std::function<double(double)>& y, std::optional<double> ratio,
           std::string_view fill) {
    if (ratio)
      out_ +=
          fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="4.5" fill="{}"/>)", x, y(*ratio), fill) + "\n";
  }
  void legend(const Frame& f) {
    rule(f.left, f.top - 14, f.left + 20, f.top - 14, kOurs, 2.2);
    text(f.left + 26, f.top - 9.5, "start", "all requests");
    rule(f.left + 140, f.top - 14, f.left + 160, f.top - 14, kBound, 2.2);
    text(f.left + 166, f.top - 9.5, "start", "bound requests");
  }

  const Outcome& o_;
  const std::vector<Effect>& effects_;
  std::string out_;
};

}  // namespace

std::string svg(const Outcome& outcome, const std::vector<Effect>& effects) {
  return Picture(outcome, effects).draw();
}

}  // namespace flagfall::simulate
