// Field lines of a message's header (RFC 9110 §5), one after the other, and which of them end at the next
// hop. Pure; allocates nothing.
#pragma once

#include <optional>
#include <string_view>

namespace flagfall::http {

struct Field {
  std::string_view name;   // a token
  std::string_view value;  // without white space around it; may be empty
};

/// As field names are compared.
bool same_name(std::string_view a, std::string_view b);

/// Takes the next field off the front of `lines`, each of which ends with CR LF; none: a line that is not
/// one, such as the folded rest of another (RFC 9112 §5.2), or octets that no value has.
std::optional<Field> take_field(std::string_view& lines);

/// Speaks of this connection alone, by its name (RFC 9110 §7.6.1): no message that is passed on has it.
bool hop_by_hop(std::string_view name);
/// One of a comma-separated list's tokens, which names compare as.
bool lists(std::string_view list, std::string_view name);

}  // namespace flagfall::http
