#include "cache/object.h"

bool object_pin(struct object *object)
{
	uint32_t pins = atomic_load(&object->pins);

	do {
		if (pins & PIN_CLAIMED)
			return false;
	} while (!atomic_compare_exchange_weak(&object->pins, &pins, pins + 1));
	return true;
}

bool object_claim(struct object *object)
{
	uint32_t pins = atomic_load(&object->pins);

	do {
		if (pins & (PIN_CLAIMED | PIN_COUNT))
			return false;
	} while (!atomic_compare_exchange_weak(&object->pins, &pins, pins | PIN_CLAIMED));
	return true;
}

bool object_claim_or_park(struct object *object)
{
	uint32_t pins = atomic_load(&object->pins), want;

	do {
		bool busy = pins & (PIN_CLAIMED | PIN_COUNT);

		want = busy ? pins | PIN_PARKED : pins | PIN_CLAIMED;
	} while (!atomic_compare_exchange_weak(&object->pins, &pins, want));
	return want & PIN_CLAIMED && !(pins & PIN_CLAIMED);
}

bool object_claim_last(struct object *object)
{
	uint32_t pins = atomic_load(&object->pins);

	do {
		if (pins & PIN_CLAIMED || (pins & PIN_COUNT) != 1)
			return false;
	} while (!atomic_compare_exchange_weak(&object->pins, &pins, (pins - 1) | PIN_CLAIMED));
	return true;
}
