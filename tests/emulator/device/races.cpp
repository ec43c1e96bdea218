// See races.h.

#include "races.h"

#include "block.h"

#include <algorithm>
#include <dlfcn.h>

namespace emulator {

Races races;

void Races::start_launch(bool find, Kernel kernel, const Word* slots, SharedMemory shared) {
    is_on_ = find;
    kernel_ = kernel, slots_ = slots, shared_ = shared;
    time_ = 1;
    global_memory_.clear();
    releases_.clear();
}

void Races::start_block(Word number) {
    if (!is_on_) return;
    block_ = unsigned(number);
    barrier_time_ = ++time_;
    shared_memory_.clear();
    seen_.clear();
    acquired_.clear();
    std::fill_n(fences_, most_threads, Fence{0, 0});
    std::fill_n(&known_[0][0], most_threads * lanes, 0u);
}

// ---- what orders threads ----------------------------------------------------------------------------------

void Races::pass_barrier() {
    if (is_on_) barrier_time_ = ++time_;
}

// Each lane learns what it and the others have known, and what all of them have done until now.
void Races::pass_warp(unsigned first_thread, unsigned arrived) {
    if (!is_on_) return;
    ++time_;
    unsigned together[lanes];
    for (unsigned lane = 0; lane < lanes; lane++) {
        together[lane] = arrived >> lane & 1 ? time_ : 0;
        for (unsigned rest = arrived; rest; rest &= rest - 1)
            together[lane] = std::max(together[lane], known_[first_thread + unsigned(__builtin_ctz(rest))][lane]);
    }
    for (unsigned rest = arrived; rest; rest &= rest - 1)
        std::copy_n(together, lanes, known_[first_thread + unsigned(__builtin_ctz(rest))]);
}

void Races::fence() {
    if (!is_on_) return;
    fences_[block.running_thread().number] = {++time_, barrier_time_};
    acquired_.add(seen_);
}

void Races::release_and_see(Word address) {
    unsigned thread = block.running_thread().number;
    auto found = releases_.find(address);
    if (found != releases_.end()) seen_.add(found->second);
    if (!fences_[thread].own_time) return;
    releases_[address].add(acquired_);
    releases_[address].add({block_, thread, fences_[thread].own_time, fences_[thread].block_time, time_});
}

void Releases::add(const Release& release) {
    Release& kept = all_.try_emplace({release.block, release.thread}, release).first->second;
    if (kept.time < release.time) kept = release;
}

void Releases::add(const Releases& others) {
    for (const auto& [who, release] : others.all_) add(release);
}

bool Releases::cover(const Access& access) const {
    auto of_block = all_.lower_bound({access.block, 0});
    for (; of_block != all_.end() && of_block->first.first == access.block; of_block++)
        if (of_block->second.covers(access)) return true;
    return false;
}

bool Release::covers(const Access& access) const {
    if (access.time < block_time) return true;
    return access.thread == thread && (access.kind == Kind::atomic ? access.time <= time : access.time < own_time);
}

bool Races::comes_before_now(const Access& old) const {
    const Thread& now = block.running_thread();
    if (old.block != block_) return acquired_.cover(old);
    return old.thread == now.number || old.time < barrier_time_ ||
           (old.thread / lanes == now.number / lanes && old.time < known_[now.number][old.thread % lanes]);
}

// ---- accesses ---------------------------------------------------------------------------------------------

namespace {

// Keeps the last accesses of two threads.
void remember(Access (&kept)[2], const Access& now) {
    if (kept[0].exists() && !kept[0].same_thread(now)) kept[1] = kept[0];
    kept[0] = now;
}

}  // namespace

void Races::atomic(void* address, Word size, void* where) {
    if (!is_on_) return;
    access(address, size, Kind::atomic, where);
    release_and_see(Word(address));
}

void Races::access(void* address, Word size, Kind kind, void* where) {
    if (!is_on_ || block.running_fiber().owns(address)) return;
    auto thread = (unsigned short)block.running_thread().number;
    Access now = {block_, thread, kind, time_, int(Word(where) - Word(kernel_.call))};
    Word first = Word(address);
    Shadow& shadow = is_shared(first) ? shared_memory_ : global_memory_;
    for (Word place = first; place < first + size; place++) {
        Byte& byte = shadow[place];
        check(byte.write, now, first, size);
        if (kind != Kind::atomic)
            for (const Access& old : byte.atomics) check(old, now, first, size);
        if (kind != Kind::read)
            for (const Access& old : byte.reads) check(old, now, first, size);
        if (kind == Kind::write) byte.write = now;
        else remember(kind == Kind::read ? byte.reads : byte.atomics, now);
    }
}

void Races::check(const Access& old, const Access& now, Word address, Word size) {
    if (old.exists() && !comes_before_now(old)) report(old, now, address, size);
}

bool Races::is_shared(Word address) const { return Word(shared_.begin) <= address && address < Word(shared_.end); }

// ---- the report -------------------------------------------------------------------------------------------

namespace {

const char* name_of(Kind kind, bool past) {
    switch (kind) {
        case Kind::read: return past ? "read" : "reads";
        case Kind::write: return past ? "wrote" : "writes";
        default: return past ? "changed atomically" : "changes atomically";
    }
}

void describe_thread(Text& text, const Access& access) {
    uint3 thread = block.index_of_thread(access.thread), place = block.place_of(access.block);
    text.add("thread (%u,%u,%u) of block (%u,%u,%u)", thread.x, thread.y, thread.z, place.x, place.y, place.z);
}

// Of the instruction before a return address, in the file of its module; the runner looks up the line.
Word offset_in_module(Word entry, int where) {
    Dl_info module;
    dladdr(reinterpret_cast<void*>(entry), &module);
    return entry + Word(where) - 1 - Word(module.dli_fbase);
}

}  // namespace

// In shared memory, or after the start of the buffer that begins next before it.
void Races::describe_place(Text& text, Word address) {
    if (is_shared(address)) {
        text.add("of shared memory");
        return;
    }
    Word nearest = 0;
    unsigned parameter = 0;
    for (unsigned i = 0; i < kernel_.parameters; i++) {
        if (slots_[i] > address || slots_[i] < nearest) continue;
        nearest = slots_[i];
        parameter = i;
    }
    text.add("at byte %llu of parameter %u", address - nearest, parameter);
}

void Races::report(const Access& old, const Access& now, Word address, Word size) {
    Word entry = Word(kernel_.call);
    Text text;
    text.add("race: ");
    describe_thread(text, now);
    text.add(" %s %llu bytes ", name_of(now.kind, false), size);
    describe_place(text, address);
    text.add(" {+%llx}, which ", offset_in_module(entry, now.where));
    describe_thread(text, old);
    text.add(" %s {+%llx}, and nothing orders the two", name_of(old.kind, true), offset_in_module(entry, old.where));
    fail_with(text.get());
}

}  // namespace emulator

// ---- what instrumented code calls -------------------------------------------------------------------------

#define EMULATOR_VISIBLE extern "C" __attribute__((visibility("default")))
#define EMULATOR_ACCESS(name, size, kind)                                                                    \
    EMULATOR_VISIBLE void name(void* address) {                                                              \
        emulator::races.access(address, size, emulator::Kind::kind, __builtin_return_address(0));            \
    }
#define EMULATOR_ACCESSES(size)                                   \
    EMULATOR_ACCESS(__tsan_read##size, size, read)                \
    EMULATOR_ACCESS(__tsan_write##size, size, write)              \
    EMULATOR_ACCESS(__tsan_unaligned_read##size, size, read)      \
    EMULATOR_ACCESS(__tsan_unaligned_write##size, size, write)    \
    EMULATOR_ACCESS(__tsan_volatile_read##size, size, atomic)     \
    EMULATOR_ACCESS(__tsan_volatile_write##size, size, atomic)

EMULATOR_ACCESSES(1)
EMULATOR_ACCESSES(2)
EMULATOR_ACCESSES(4)
EMULATOR_ACCESSES(8)
EMULATOR_ACCESSES(16)

EMULATOR_VISIBLE void __tsan_read_range(void* address, unsigned long size) {
    emulator::races.access(address, size, emulator::Kind::read, __builtin_return_address(0));
}
EMULATOR_VISIBLE void __tsan_write_range(void* address, unsigned long size) {
    emulator::races.access(address, size, emulator::Kind::write, __builtin_return_address(0));
}
EMULATOR_VISIBLE void __tsan_init() {}
EMULATOR_VISIBLE void __tsan_func_entry(void*) {}
EMULATOR_VISIBLE void __tsan_func_exit() {}
