// The part of the C ABI that waits for room in a lane, and sets room aside (c_api.h says what each
// does).
#pragma once
#include <cstdint>

#include "forebay/c_api.h"

namespace forebay::engine {

int32_t api_lane_wait(forebay_collector* collector, forebay_string lane, uint64_t records,
                      int64_t timeout_ns);
int32_t api_lane_notify(forebay_collector* collector, forebay_string lane, uint64_t records,
                        void (*notify)(void* context), void* context, forebay_waiter** waiter);
void api_lane_notify_use(forebay_waiter* waiter);
void api_lane_notify_end(forebay_waiter* waiter);
int32_t api_lane_request(forebay_collector* collector, forebay_string lane, uint64_t records,
                         uint64_t record_bytes, int64_t timeout_ns, forebay_grant** grant,
                         uint64_t* granted);
void api_grant_release(forebay_grant* grant);
uint64_t api_grant_left(forebay_grant* grant);

}  // namespace forebay::engine
