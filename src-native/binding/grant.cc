// SPDX-License-Identifier: MIT
#include "binding/grant.h"

#include <map>
#include <utility>

#include "vfio/errors.h"

namespace vfio::binding {

namespace {

/// The grants that are offered in this process, by token.
class Offers final {
 public:
  void add(const std::string& token, std::shared_ptr<Grant> grant) {
    const std::lock_guard lock(mutex_);
    grants_.emplace(token, std::move(grant));
  }
  std::shared_ptr<Grant> find(const std::string& token) {
    const std::lock_guard lock(mutex_);
    const auto found = grants_.find(token);
    return found == grants_.end() ? nullptr : found->second;
  }
  void remove(const std::string& token) {
    const std::lock_guard lock(mutex_);
    grants_.erase(token);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Grant>> grants_;
};

/// Never destroyed: workers may still end while the process exits.
Offers& offers() {
  static Offers* const all = new Offers;
  return *all;
}

Error no_offer() {
  return {
      ErrorCode::kClosed,
      "no grant is offered under this token: it was adopted or revoked already, or another process "
      "made it"};
}

}  // namespace

std::shared_ptr<Grant> Grant::offer(std::string token, Contents contents,
                                    std::shared_ptr<Mailbox> granter) {
  auto grant = std::make_shared<Grant>(std::move(token), std::move(contents), std::move(granter));
  offers().add(grant->token_, grant);
  return grant;
}

std::shared_ptr<Grant> Grant::offered(const std::string& token) {
  auto grant = offers().find(token);
  if (grant == nullptr) throw no_offer();
  return grant;
}

Grant::Grant(std::string token, Contents contents, std::shared_ptr<Mailbox> granter)
    : token_(std::move(token)), granter_(std::move(granter)), contents_(std::move(contents)) {
  if (contents_.irqs != nullptr) contents_.irqs->lend(contents_.vectors, this);
}

std::vector<Handle> Grant::adopt(napi_env env, const std::shared_ptr<Mailbox>& adopter,
                                 Mailbox::Delivery on_revoke) {
  if (adopter == granter_) {
    throw Error(ErrorCode::kWrongThread,
                "this thread made the grant; its token is for another thread of the process");
  }
  const std::lock_guard lock(mutex_);
  if (state_ != State::kOffered) throw no_offer();
  std::vector<Handle> handles;
  try {
    for (const std::uint32_t region : contents_.regions) {
      handles.push_back(acquire_slot(env, contents_.function, region));
    }
  } catch (...) {
    for (const Handle handle : handles) release_slot(env, handle);
    throw;
  }
  state_ = State::kAdopted;
  handles_ = handles;
  adopter_ = adopter;
  on_revoke_ = std::move(on_revoke);
  offers().remove(token_);
  return handles;
}

void Grant::revoke() {
  std::unique_lock lock(mutex_);
  if (state_ == State::kOffered) return end(std::move(lock));
  if (state_ != State::kAdopted) return;
  state_ = State::kRevoked;
  for (const Handle handle : handles_) revoke_slot(handle);
  if (contents_.irqs != nullptr) contents_.irqs->revoke(contents_.vectors);
  // If the adopter's env is ending, it releases the grant without this message.
  adopter_->post(std::move(on_revoke_));
}

void Grant::release(napi_env env) {
  std::unique_lock lock(mutex_);
  // Under the lock, so that revoke() never meets an entry that was reused for something else.
  for (const Handle handle : handles_) release_slot(env, handle);
  end(std::move(lock));
}

void Grant::end(std::unique_lock<std::mutex> lock) {
  if (state_ == State::kOffered) offers().remove(token_);
  state_ = State::kOver;
  if (contents_.irqs != nullptr) contents_.irqs->end_loan(contents_.vectors);
  // These objects are destroyed after the lock is released.
  const Contents contents = std::exchange(contents_, {});
  const Mailbox::Delivery on_revoke = std::exchange(on_revoke_, {});
  const auto when_over = std::exchange(when_over_, {});
  lock.unlock();
  for (const auto& then : when_over) then();
}

void Grant::when_over(std::function<void()> then) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kOver) {
      when_over_.push_back(std::move(then));
      return;
    }
  }
  then();
}

void Loans::add(const std::shared_ptr<Grant>& grant) {
  std::erase_if(grants_, [](const auto& former) { return former.expired(); });
  grants_.push_back(grant);
}

void Loans::revoke() noexcept {
  for (const auto& weak : std::exchange(grants_, {})) {
    if (const auto grant = weak.lock()) grant->revoke();
  }
}

}  // namespace vfio::binding
