// The control socket of a running lab: a Unix stream socket, one command line a
// connection, answered by "ok\n" and a text, or by "error: what\n".
//   stats                          the report as JSON; captures are complete up to now
//   link FROM TO KEY=VALUE...      changes a link both ways; `*` stands for every host
//   link-one-way FROM TO ...       changes one direction
#pragma once

#include <list>
#include <string>
#include <string_view>

#include "common/base/result.hh"
#include "lab/forwarder.hh"

namespace flagfall::lab {

/// Does what a command line says; the text that answers it.
Result<std::string> execute(std::string_view line, const Topology& topology, Forwarder& forwarder);
/// The part that changes links: `words` are FROM TO KEY=VALUE... Returns how many directions changed.
Result<unsigned> change_links(const std::vector<std::string>& words, bool one_way, const Topology& topology,
                              Network& network);

/// Serves the socket on the forwarder's thread.
class ControlServer {
 public:
  /// A socket that a dead lab left is replaced. Throws when it cannot be made.
  ControlServer(const std::string& path, const Topology& topology, Forwarder& forwarder);
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ControlServer(ControlServer&&) = delete;
  ControlServer& operator=(ControlServer&&) = delete;
  ~ControlServer() = default;

 private:
  struct Connection {
    net::Fd fd;
    std::string line;
  };
  void accept_one();
  void serve(std::list<Connection>::iterator connection);

  const Topology& topology_;
  Forwarder& forwarder_;
  net::Fd listener_;
  std::list<Connection> connections_;
};

/// Sends a command to the lab at `path`; its answer's text.
Result<std::string> ask(const std::string& path, const std::string& line);

}  // namespace flagfall::lab
