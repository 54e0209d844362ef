// How a module finds the table, or does without: with tables that only count.
#include "forebay/attach.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace {

using forebay::Severity;
using forebay::Status;
using forebay::detail::Attachment;
using forebay::detail::checked;
using forebay::detail::Found;
using forebay::detail::kRetryIntervalNs;
using forebay::detail::kTableSize;

std::array<std::atomic<uint64_t>, 25> handed_over{};
std::atomic<uint64_t> measurements_handed_over{0};

forebay_api counting_table() {
  for (auto& count : handed_over) count = 0;
  measurements_handed_over = 0;
  forebay_api table{};
  table.abi_version = FOREBAY_ABI_VERSION;
  table.struct_size = sizeof table;
  table.count_not_started = [](uint32_t severity, uint64_t records) {
    handed_over[severity] += records;
  };
  table.count_lost_measurements = [](int32_t outcome, uint64_t measurements) {
    EXPECT_EQ(outcome, FOREBAY_REFUSED_NOT_STARTED);
    measurements_handed_over += measurements;
  };
  return table;
}

uint64_t all_handed_over() {
  uint64_t sum = 0;
  for (const auto& count : handed_over) sum += count;
  return sum;
}

std::atomic<int> searches{0};
const forebay_api* to_find = nullptr;
Found search() noexcept {
  ++searches;
  return to_find == nullptr ? Found{} : checked(to_find);
}

TEST(AttachmentTest, records_before_the_table_are_handed_over_by_severity) {
  Attachment attachment;
  attachment.add(Severity::kInfo);
  attachment.add(Severity::kInfo);
  attachment.add(Severity::kFatal);
  attachment.add(static_cast<Severity>(99));  // no such severity: unspecified
  EXPECT_EQ(attachment.waiting(), 4U);
  const forebay_api table = counting_table();
  attachment.publish(checked(&table));
  EXPECT_EQ(attachment.waiting(), 0U);
  EXPECT_EQ(handed_over[9], 2U);
  EXPECT_EQ(handed_over[21], 1U);
  EXPECT_EQ(handed_over[0], 1U);
}

TEST(AttachmentTest, no_record_stays_behind_when_the_table_comes_in_the_middle) {
  for (int round = 0; round < 200; ++round) {
    Attachment attachment;
    const forebay_api table = counting_table();
    constexpr uint64_t kRecords = 300;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        for (uint64_t i = 0; i < kRecords; ++i) attachment.add(Severity::kWarn);
      });
    }
    attachment.publish(checked(&table));
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(all_handed_over(), 3 * kRecords);
    ASSERT_EQ(attachment.waiting(), 0U);
  }
}

TEST(AttachmentTest, measurements_before_the_table_are_handed_over_to_one_that_knows_them) {
  Attachment attachment;
  attachment.add_measurements();
  attachment.add_measurements(4);
  EXPECT_EQ(attachment.waiting_measurements(), 5U);
  const forebay_api table = counting_table();
  attachment.publish(checked(&table));
  EXPECT_EQ(attachment.waiting_measurements(), 0U);
  EXPECT_EQ(measurements_handed_over, 5U);
  // An older library has no instruments: what is measured stays here.
  Attachment with_older;
  forebay_api older = counting_table();
  older.struct_size = offsetof(forebay_api, instrument);
  with_older.publish(checked(&older));
  ASSERT_NE(with_older.table(), nullptr);
  EXPECT_FALSE(forebay::detail::knows_metrics(older));
  with_older.add_measurements(2);
  EXPECT_EQ(with_older.waiting_measurements(), 2U);
  with_older.forget();
  EXPECT_EQ(with_older.waiting_measurements(), 0U);
  EXPECT_EQ(measurements_handed_over, 0U);
}

TEST(AttachmentTest, it_is_looked_for_once_in_an_interval_and_not_on_every_record) {
  Attachment attachment;
  searches = 0;
  to_find = nullptr;
  const int64_t start = 5'000'000'000;
  for (int64_t now = start; now < start + kRetryIntervalNs; now += kRetryIntervalNs / 1000) {
    EXPECT_EQ(attachment.table_or_retry(search, now), nullptr);
  }
  EXPECT_EQ(searches, 1);
  const forebay_api table = counting_table();
  to_find = &table;
  attachment.add(Severity::kInfo, 7);
  EXPECT_EQ(attachment.table_or_retry(search, start + kRetryIntervalNs), &table);
  EXPECT_EQ(handed_over[9], 7U);
  EXPECT_EQ(attachment.table_or_retry(search, start + 9 * kRetryIntervalNs), &table);
  EXPECT_EQ(searches, 2);
}

TEST(AttachmentTest, the_first_table_stays) {
  Attachment attachment;
  const forebay_api first = counting_table();
  const forebay_api second = counting_table();
  attachment.publish(checked(&first));
  attachment.publish(checked(&second));
  EXPECT_EQ(attachment.table(), &first);
}

TEST(AttachmentTest, another_abi_is_refused_with_a_reason) {
  forebay_api table = counting_table();
  table.abi_version = FOREBAY_ABI_VERSION + 1;
  const Found found = checked(&table);
  EXPECT_EQ(found.table, nullptr);
  EXPECT_EQ(found.code, Status::Code::kIncompatible);
  EXPECT_NE(std::string_view(found.reason).find("another ABI"), std::string_view::npos);
  EXPECT_EQ(checked(nullptr).code, Status::Code::kIncompatible);
}

TEST(AttachmentTest, a_table_with_fewer_members_is_refused_and_a_longer_one_is_taken) {
  forebay_api table = counting_table();
  table.struct_size = kTableSize - sizeof(void*);
  EXPECT_EQ(checked(&table).table, nullptr);
  EXPECT_EQ(checked(&table).code, Status::Code::kIncompatible);
  table.struct_size = sizeof table + 64;
  EXPECT_EQ(checked(&table).table, &table);
}

TEST(AttachmentTest, a_library_that_is_not_loaded_is_not_loaded_by_looking) {
  const Found found = forebay::detail::find_loaded("libforebay-that-nobody-loaded.so.1");
  EXPECT_EQ(found.table, nullptr);
  EXPECT_EQ(found.code, Status::Code::kNotLoaded);
}

TEST(AttachmentTest, a_loaded_library_without_the_function_is_incompatible) {
  EXPECT_EQ(forebay::detail::find_loaded("libc.so.6").code, Status::Code::kIncompatible);
}

TEST(AttachmentTest, a_forked_child_forgets_what_its_parent_will_hand_over) {
  Attachment attachment;
  attachment.add(Severity::kInfo, 3);
  attachment.forget();
  const forebay_api table = counting_table();
  attachment.publish(checked(&table));
  EXPECT_EQ(all_handed_over(), 0U);
}

}  // namespace
