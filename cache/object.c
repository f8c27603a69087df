#include "cache/object.h"

bool object_hold(struct object *object)
{
	uint32_t holds = atomic_load(&object->holds);

	do {
		if (holds & HOLD_CLAIMED)
			return false;
	} while (!atomic_compare_exchange_weak(&object->holds, &holds, holds + 1));
	return true;
}

bool object_claim(struct object *object)
{
	uint32_t holds = atomic_load(&object->holds);

	do {
		if (holds & (HOLD_CLAIMED | HOLD_COUNT))
			return false;
	} while (!atomic_compare_exchange_weak(&object->holds, &holds, holds | HOLD_CLAIMED));
	return true;
}

bool object_claim_or_park(struct object *object)
{
	uint32_t holds = atomic_load(&object->holds), want;

	do {
		bool busy = holds & (HOLD_CLAIMED | HOLD_COUNT);

		want = busy ? holds | HOLD_PARKED : holds | HOLD_CLAIMED;
	} while (!atomic_compare_exchange_weak(&object->holds, &holds, want));
	return want & HOLD_CLAIMED && !(holds & HOLD_CLAIMED);
}

bool object_claim_last(struct object *object)
{
	uint32_t holds = atomic_load(&object->holds);

	do {
		if (holds & HOLD_CLAIMED || (holds & HOLD_COUNT) != 1)
			return false;
	} while (!atomic_compare_exchange_weak(&object->holds, &holds, (holds - 1) | HOLD_CLAIMED));
	return true;
}
