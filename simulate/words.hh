// What the command line of `flagfall simulate` says, and what is meant by it. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.hh"
#include "simulate/options.hh"

namespace flagfall::simulate {

struct Words {
  std::vector<std::string> matrix;
  std::string places;
  std::string invented;
  std::size_t invented_sites = 0, invented_places = 0;
  std::vector<std::string> site_names;
  std::size_t sites = 10;
  std::vector<std::string> policies{"race"};
  std::string delay = "auto";
  std::string at_most = "150ms";
  std::string period = "1h";
  std::string warm_up = "1h";
  std::vector<std::string> delays, clock_errors;
  std::vector<Nanos> also_delays, also_clock_errors;  // what they say
  std::string clock_error = "0.3ms";
  std::string remember;
  bool json = false;
  std::string svg;
  Options options;
};

/// Makes `words.options` of the texts; an error says which of them is wrong.
Status read_options(Words& words);

}  // namespace flagfall::simulate
