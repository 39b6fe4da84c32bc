// Asks the kernel for the servers' TCP connections (sock_diag over netlink), a part
// a turn of the loop. Shell: tcp_diag.hh reads, tcp_paths.hh judges. Needs no
// privilege. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "collect/tcp_paths.hh"
#include "common/net/loop.hh"

struct mnl_socket;

namespace flagfall::collect {

struct TcpCounters {
  std::uint64_t looks = 0;     // that were finished
  std::uint64_t failed = 0;    // the kernel said no, or did not finish
  std::uint64_t left_out = 0;  // connections of networks that found no room

  /// f(name, value) for each.
  template <class F>
  void for_each(F f) const {
    f("tcp_looks", looks);
    f("tcp_looks_failed", failed);
    f("tcp_left_out", left_out);
  }
};

class TcpReader {
 public:
  struct Look {
    std::vector<wire::TcpPath> paths;
    std::uint64_t open = 0;  // connections of the servers
  };
  using Tell = std::function<void(Look)>;

  /// `loop` outlives the reader. Throws std::system_error where the kernel has no sock_diag.
  TcpReader(net::Loop& loop, const PathOptions& options, Tell tell);
  ~TcpReader();
  TcpReader(const TcpReader&) = delete;
  TcpReader& operator=(const TcpReader&) = delete;
  TcpReader(TcpReader&&) = delete;
  TcpReader& operator=(TcpReader&&) = delete;

  /// Begins a look, whose result is told from the loop; one that is still under way is given up.
  void look();
  [[nodiscard]] const TcpCounters& counters() const { return counters_; }

 private:
  struct Question {
    std::uint8_t family;
    std::uint16_t port;
  };
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  bool ask();
  void read();
  /// False at the end of an answer.
  bool take(Bytes messages);
  void answered();

  PathOptions options_;
  Tell tell_;
  std::vector<Question> questions_;
  std::size_t at_ = 0;  // of the questions; their number: none is under way
  std::uint32_t sequence_ = 0;
  TcpPaths paths_;
  TcpCounters counters_;
  std::vector<std::uint8_t> room_;
  std::unique_ptr<mnl_socket, Close> socket_;
  net::Watch readable_;
};

}  // namespace flagfall::collect
