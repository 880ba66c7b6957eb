/**
 * Gift cards: `POST /v1/gift-cards/issue`, `/top-up`, `/balance`. The code is printed on the card and chosen by whoever prints it.
 *
 * A card is money paid before: this device gets rights to what is loaded, and hands what it does not need to head office when online.
 * Refused: a code that is taken (VOUCHER_EXISTS), a card nobody issued (GIFT_CARD_UNKNOWN).
 *
 * Commits: `rights` (issued or loaded, how much) beside the change of the loyalty document. The payment for the card, and its receipt, are
 * an order of their own.
 */
import {
  type EventBody,
  type GiftCard,
  type GiftCardLoad,
  maskedCode,
  ProblemError,
} from '@branchline/model';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { cardInWords } from './tender.ts';
import type { Trade } from './trade.ts';

export async function issueGiftCard(
  trade: Trade,
  transaction: Transaction,
  { code, amountMinor }: GiftCardLoad,
): Promise<Decision<GiftCard>> {
  const account = trade.accountOf('card', code);
  if (await trade.customers.isIssued(transaction, account)) {
    throw new ProblemError('VOUCHER_EXISTS', `The gift card ${maskedCode(code)} was issued already.`);
  }
  trade.customers.issue(transaction, account, { kind: 'card', ending: maskedCode(code) });
  return { status: 201, body: await load(trade, transaction, account, code, amountMinor, 'issued') };
}

export async function topUpGiftCard(
  trade: Trade,
  transaction: Transaction,
  { code, amountMinor }: GiftCardLoad,
): Promise<Decision<GiftCard>> {
  const account = trade.accountOf('card', code);
  if (!(await trade.customers.isIssued(transaction, account))) {
    throw unknown(code);
  }
  return { status: 200, body: await load(trade, transaction, account, code, amountMinor, 'loaded') };
}

/** Asks for what is held elsewhere: whoever asks for the balance is about to pay. */
export async function cardState(trade: Trade, code: string): Promise<GiftCard> {
  const account = trade.accountOf('card', code);
  if ((await trade.customers.voucher(account)) === undefined) {
    throw unknown(code);
  }
  const { spendable, balance } = await trade.customers.spendable(undefined, account);
  if (spendable < balance) {
    trade.rights.need(account, balance);
  }
  return answer(code, balance, spendable);
}

async function load(
  trade: Trade,
  transaction: Transaction,
  account: string,
  code: string,
  amountMinor: number,
  type: 'issued' | 'loaded',
): Promise<GiftCard> {
  const { balance } = await trade.customers.spendable(transaction, account);
  trade.customers.earn(transaction, account, amountMinor);
  const till = transaction.till.till as EventBody<'programme-change'>['till'];
  const body: EventBody<'rights'> = { moves: [{ account, type, points: amountMinor }], till };
  transaction.append(trade.customers.collection, 'rights', body);
  const { spendable } = await trade.customers.spendable(transaction, account);
  return answer(code, balance + amountMinor, spendable);
}

function answer(code: string, balance: number, spendable: number): GiftCard {
  return {
    ending: maskedCode(code),
    balanceMinor: balance,
    spendableHereMinor: Math.min(balance, spendable),
    words: cardInWords(balance, spendable),
  };
}

function unknown(code: string): ProblemError {
  return new ProblemError('GIFT_CARD_UNKNOWN', `No gift card ${maskedCode(code)} is known here.`);
}
