/** Programmes, offers, gift cards and coupons as services: each call goes to one use case or one projection. */
import { rightsOf } from '@branchline/docs';
import type { NodeParts } from '../node-services.ts';
import type { LoyaltyService } from '../services.ts';
import { changeProgramme } from '../use-cases/change-programme.ts';
import { couponState, issueCoupon } from '../use-cases/issue-coupon.ts';
import { cardState, issueGiftCard, topUpGiftCard } from '../use-cases/issue-gift-card.ts';
import { quoteRedemption } from '../use-cases/quote-redemption.ts';
import { reclaimRights } from '../use-cases/reclaim-rights.ts';

export function loyaltyService(parts: NodeParts): LoyaltyService {
  const { pipeline, trade, programmes, clock, ports, customers, reclaimRules } = parts;
  return {
    programmes: () => {
      const { pointsPerStep, stepMinor, pointValueMinor, sharePercentMax, expiryDays } = programmes.at(
        clock.nowMs(),
      );
      const today = { pointsPerStep, stepMinor, pointValueMinor, sharePercentMax, expiryDays };
      return { programmes: programmes.list(), today };
    },
    putProgramme: (from, request) =>
      pipeline.submit(request, (transaction) => changeProgramme(trade, transaction, from, request.body)),
    redeemQuote: (id, request) => quoteRedemption(trade, id, request, clock.nowMs()),
    issueGiftCard: (request) =>
      pipeline.submit(request, (transaction) => issueGiftCard(trade, transaction, request.body)),
    topUpGiftCard: (request) =>
      pipeline.submit(request, (transaction) => topUpGiftCard(trade, transaction, request.body)),
    giftCard: ({ code }) => cardState(trade, code),
    issueCoupon: (request) =>
      pipeline.submit(request, (transaction) =>
        issueCoupon(trade, transaction, request.body, (branch) =>
          ports.registry
            .members()
            .filter(({ grant, revocation }) => grant.branch === branch && revocation === undefined)
            .at(-1),
        ),
      ),
    reclaim: async (request) => {
      const { device } = request.body;
      let held = 0;
      for await (const { rights } of customers.accounts()) {
        held += rightsOf(rights, device) > 0 ? 1 : 0;
      }
      return await pipeline.submit(request, (transaction) =>
        reclaimRights(trade, transaction, request.body, reclaimRules, held),
      );
    },
    coupon: ({ code }) => couponState(trade, code),
  };
}
