// See warp.h.

#include "warp.h"

#include "races.h"

namespace emulator {
namespace {

unsigned lowest(unsigned bits) { return unsigned(__builtin_ctz(bits)); }

}  // namespace

void Warp::start_over(Thread* threads, unsigned count) {
    threads_ = threads;
    present_ = count < lanes ? (1u << count) - 1 : ~0u;
    open_ = used_ = 0;
}

Exchange& Warp::join(Thread& thread, const Wait& wait, Word value) {
    let_go(thread);
    Exchange& exchange = find_or_open(wait);
    exchange.values[thread.lane()] = value;
    exchange.arrived |= thread.bit();
    exchange.readers |= thread.bit();
    thread.held = &exchange;
    complete_where_nobody_is_missing();
    return exchange;
}

void Warp::leave(Thread& thread) {
    present_ &= ~thread.bit();
    let_go(thread);
    complete_where_nobody_is_missing();
}

Exchange& Warp::find_or_open(const Wait& wait) {
    for (unsigned rest = open_; rest; rest &= rest - 1) {
        Exchange& exchange = exchanges_[lowest(rest)];
        if (exchange.mask != wait.mask) continue;
        if (std::strcmp(exchange.operation, wait.operation) != 0)
            fail("%s with mask 0x%08x, while other lanes of the mask wait at %s", wait.operation, wait.mask,
                 exchange.operation);
        return exchange;
    }
    unsigned place = lowest(~used_);
    open_ |= 1u << place;
    used_ |= 1u << place;
    Exchange& exchange = exchanges_[place];
    exchange.operation = wait.operation;
    exchange.mask = wait.mask;
    exchange.arrived = exchange.readers = 0;
    exchange.is_complete = false;
    return exchange;
}

void Warp::complete_where_nobody_is_missing() {
    for (unsigned rest = open_; rest; rest &= rest - 1) {
        unsigned place = lowest(rest);
        Exchange& exchange = exchanges_[place];
        if (exchange.mask & present_ & ~exchange.arrived) continue;
        open_ &= ~(1u << place);
        complete(exchange);
    }
}

void Warp::complete(Exchange& exchange) {
    exchange.is_complete = true;
    if (!std::strcmp(exchange.operation, "__syncwarp")) races.pass_warp(threads_->number, exchange.arrived);
    for (unsigned rest = exchange.arrived; rest; rest &= rest - 1) {
        Thread& thread = threads_[lowest(rest)];
        if (thread.state == Thread::waiting) thread.state = Thread::ready;
    }
}

void Warp::let_go(Thread& thread) {
    if (!thread.held) return;
    thread.held->readers &= ~thread.bit();
    if (!thread.held->readers) used_ &= ~(1u << (thread.held - exchanges_));
    thread.held = nullptr;
}

}  // namespace emulator
