// A tune as text for a person: the table of `flagfall tune`, and a plot of it in a
// terminal. Pure.
#pragma once

#include <string>

#include "delay/rows_file.hh"
#include "delay/tune.hh"

namespace flagfall::tools {

/// Candidates with what they buy, the recommended one marked, and what must be known to read them.
std::string tune_text(const delay::Tune& tune, const delay::RowsHeader& rows);

struct PlotSize {
  std::size_t columns = 80;  // of the terminal; at least kLeastPlot
  std::size_t rows = 14;     // of the chart alone
  bool colour = false;
};
inline constexpr std::size_t kLeastPlot = 40;
/// Points of the curve that make the plot of this width as sharp as it can be.
std::size_t plot_points(const PlotSize& size);
/// The on-time share over the delay in Unicode's Braille dots, a strip of blocks for each slave below it;
/// empty when the tune has no curve.
std::string tune_plot(const delay::Tune& tune, const delay::RowsHeader& rows, const PlotSize& size);

}  // namespace flagfall::tools
