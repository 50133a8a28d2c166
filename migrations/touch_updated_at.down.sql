DROP TRIGGER inventory_items_touch_updated_at ON public.inventory_items;

DROP FUNCTION public.touch_updated_at();
