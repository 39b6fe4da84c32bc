// Does anybody take a TCP connection there? One attempt on a loop; the connection
// is closed at once. Loop thread only. The owner sets the time limit: the object's end
// gives the attempt up.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/ip.hh"
#include "common/net/loop.hh"

namespace flagfall::net {

class Dial {
 public:
  /// Why not; empty when it was taken. `ours`: for want of something at this host, such as descriptors.
  using Done = std::function<void(const std::string& why, bool ours)>;
  /// `done` is called once, from the loop, and may not destroy the object.
  Dial(Loop& loop, const Endpoint& to, Done done);
  ~Dial();
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;
  Dial(Dial&&) = delete;
  Dial& operator=(Dial&&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace flagfall::net
