// What the master says to web clients is written by common/http, as the slaves' front ends write it.
#pragma once

#include "common/http/answer.hh"
#include "common/http/location.hh"

namespace flagfall::master {

using HttpEnding = http::Ending;
using HttpLocation = http::Location;
using HttpOpening = http::Opening;
using HttpRedirect = http::Redirect;
using http::begin_answer;
using http::last_fields;
using http::put;

}  // namespace flagfall::master
