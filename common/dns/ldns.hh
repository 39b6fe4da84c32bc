// ldns's headers, without the macros that they put over C++'s own bool.
// Included by zone_name.cc and zone_file.cc only, at load time.
#pragma once

#include <ldns/ldns.h>

#undef bool
#undef true
#undef false
