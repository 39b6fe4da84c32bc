#include "web/page.hh"

namespace flagfall::web {

void add_page(net::AdminServer& admin) {
  for (const File& file : files())
    admin.get(file.path, [file] { return net::AdminReply{200, std::string(file.body), file.content_type}; });
}

}  // namespace flagfall::web
