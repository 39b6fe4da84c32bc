// Any bytes as an answer to our query, and as an answer of the admin socket.
#include <cstdint>
#include <cstdlib>

#include "tools/admin_client.hh"
#include "tools/dns_client.hh"
#include "tools/status_text.hh"

namespace tools = flagfall::tools;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const flagfall::Bytes bytes(data, size);
  static const tools::Query query{.name = *tools::wire_name("www.example.test"),
                                  .type = 1,
                                  .id = 0x1234,
                                  .cookie = tools::ClientCookie{{1, 2, 3, 4, 5, 6, 7, 8}}};
  tools::Answer answer;
  if (tools::read_answer(bytes, query, answer) == tools::AnswerVerdict::ok) {
    if (answer.server_cookie.size() > 32 || tools::label(answer).empty()) std::abort();
    for (const char c : answer.nsid)
      if (c < 0x20 || c >= 0x7f) std::abort();
  }
  const auto response = tools::parse_http_response(flagfall::as_text(bytes));
  (void)tools::status_text(response ? std::string_view(response->body) : flagfall::as_text(bytes));
  return 0;
}
