// The exchanges of a warp's lanes: who has come, who is missing, who may go on.

#pragma once

#include "thread.h"

namespace emulator {

class Warp {
public:
    void start_over(Thread* threads, unsigned count);

    // Puts the value of a lane into the exchange that lanes with this mask wait at, or into a new one.  When it is
    // the last one, the others become ready.
    Exchange& join(Thread&, const Wait&, Word value);

    // The thread has returned: nobody waits for it any longer.
    void leave(Thread&);

private:
    Exchange& find_or_open(const Wait&);
    void complete_where_nobody_is_missing();
    void complete(Exchange&);
    void let_go(Thread&);

    Thread* threads_;   // of lane 0
    unsigned present_;  // lanes that have not returned
    unsigned open_;     // places of exchanges where lanes are missing
    unsigned used_;     // places of exchanges that are open or may still be read
    Exchange exchanges_[lanes];  // a lane holds one at most, so there are never more
};

}  // namespace emulator
