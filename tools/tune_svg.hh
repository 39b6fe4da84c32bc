// A tune as a picture: on-time shares over the delay as one small SVG file that
// needs nothing else. Pure.
#pragma once

#include <string>

#include "delay/rows_file.hh"
#include "delay/tune.hh"

namespace flagfall::tools {

/// Points of the curve that make it as sharp as it can be.
inline constexpr std::size_t kSvgPoints = 360;
/// The races with all slaves on time as a strong line, each slave's share as a thin one, the recommended and
/// the present delay marked. A tune without a curve gives the same frame with "no races yet" in it.
std::string tune_svg(const delay::Tune& tune, const delay::RowsHeader& rows);

}  // namespace flagfall::tools
