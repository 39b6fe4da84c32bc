// A store that several masters write to and read from, as another store that is this master's own sees it.
#pragma once

#include "director/store/store.hh"

namespace flagfall::director {

class SharedStore : public Store {
 public:
  /// put() of what another store has kept; what is left in `changes` is not older than what the others have.
  virtual void offer(StoredChanges& changes) = 0;
  /// All that there is was read, or it cannot be had for now.
  [[nodiscard]] virtual bool was_read() const = 0;
};

}  // namespace flagfall::director
