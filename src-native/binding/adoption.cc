// SPDX-License-Identifier: MIT
#include "binding/adoption.h"

#include <utility>

#include "binding/environment.h"
#include "binding/vector_polls.h"

namespace vfio::binding {

std::shared_ptr<Adoption> Adoption::open(Environment& environment, const std::string& token) {
  const auto grant = Grant::offered(token);
  auto adoption = std::make_shared<Adoption>(environment);
  adoption->handles_ = grant->adopt(environment.env(), environment.mailbox(),
                                    [weak = adoption->weak_from_this()](Environment&) {
                                      if (const auto self = weak.lock()) self->revoked();
                                    });
  adoption->grant_ = grant;
  environment.adoptions.insert(adoption);
  if (const auto& irqs = grant->contents().irqs) {
    adoption->vectors_ = std::make_shared<VectorPolls>(environment, irqs, grant.get());
  }
  return adoption;
}

void Adoption::close() {
  const auto self = shared_from_this();
  const auto grant = std::exchange(grant_, nullptr);
  if (grant == nullptr) return;
  on_revoked_ = nullptr;
  if (vectors_ != nullptr) vectors_->close();
  grant->release(environment_.env());
  environment_.adoptions.erase(self);
}

void Adoption::revoked() {
  const auto tell = std::exchange(on_revoked_, nullptr);
  close();
  if (tell) tell();
}

}  // namespace vfio::binding
