#include "master/http_stream.hh"

namespace flagfall::master {

HttpStream::Step HttpStream::take(std::string_view octets, HttpDesk& desk, const IpAddress& client,
                                  MonoTime now, ByteWriter& out) noexcept {
  Step step;
  while (left_ > 0) {
    if (out.left() < desk.most()) {
      step.wait = Wait::room;
      return step;
    }
    const auto got = reader_.read(octets.substr(step.consumed));
    step.consumed += got.consumed;
    if (got.refuse != 0) {
      desk.refuse(got.refuse, out);
      left_ = 0;
      break;
    }
    if (!got.request) {
      step.wait = reader_.in_body() ? Wait::content : reader_.idle() ? Wait::request : Wait::header;
      // An empty line's first half, or what the reader has not looked at: somebody is writing.
      if (step.wait == Wait::request && step.consumed < octets.size()) step.wait = Wait::header;
      return step;
    }
    const http::Request& request = *got.request;
    // Who asks before sending content may send it or not when this is no 100: both cannot be read.
    const bool close = !request.keep_alive || left_ == 1 || (request.body && request.expects);
    left_ = close ? 0 : left_ - 1;
    ++step.requests;
    const bool alone = out.size() == 0 && step.consumed == octets.size() && !reader_.in_body();
    desk.answer(request, {client, now, close, alone}, out);
  }
  step.wait = Wait::end;
  return step;
}

}  // namespace flagfall::master
