// What the kernel of each server, and the router of each border, must be told so that a packet leaves by the
// border that its source address stands for: the lines of `ip` that do it, as text. It runs nothing. Pure.
//
// A server has an address for each border. A rule sends what has that source to a routing table, whose
// default route is the border's gateway, where the border is at the server's own site, and otherwise a tunnel
// to the border's router (GRE, over IPv4 or IPv6, which carries both).
#pragma once

#include <string>
#include <vector>

#include "director/config.hh"

namespace flagfall::director {

struct BorderServer {
  std::string name;
  std::string site;  // of `sites`
  std::vector<BorderAnswersConfig> borders;
};

struct BorderCommands {
  std::string text;                  // a shell script: comments, and lines of `ip` and `sysctl`
  std::vector<std::string> missing;  // what the configuration does not say, a sentence each
};

/// For all servers, or only for the one of this name. Sites and borders are those of a checked configuration.
BorderCommands border_commands(const std::vector<SiteConfig>& sites, const std::vector<BorderServer>& servers,
                               const std::string& only = {});

}  // namespace flagfall::director
