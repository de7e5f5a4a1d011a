/* New values: what perl's own constructors do, where newSV_type is inlined for a known type. */
#include "shim.h"

SV *mc_new_string(pMC_ const char *bytes, STRLEN len, U32 flags)
{
    SV *sv = newSV_type(SVt_PV);
    /* A NUL, and the byte in which perl counts the sharers of a buffer. */
    STRLEN size = len + 2 < 16 ? 16 : len + 2;
    char *buffer = (char *)safemalloc(size);
    Copy(bytes, buffer, len, char);
    buffer[len] = '\0';
    SvPV_set(sv, buffer);
    SvCUR_set(sv, len);
    SvLEN_set(sv, size);
    SvFLAGS(sv) |= SVf_POK | SVp_POK | flags;
    return sv;
}

SV *mc_new_integer(pMC_ IV value)
{
    SV *sv = newSV_type(SVt_IV);
    SvIV_set(sv, value);
    SvIOK_on(sv);
    return sv;
}

/* An undefined scalar that can become a reference in place. */
SV *mc_new_reference(pMC)
{
    return newSV_type(SVt_IV);
}

/* A reference that takes over target. */
SV *mc_new_reference_to(pMC_ SV *target)
{
    return newRV_noinc(target);
}

/* A copy of source that does not ask its magic. */
SV *mc_new_copy(pMC_ SV *source, I32 flags)
{
#ifdef newSVsv_flags
    return newSVsv_flags(source, flags);
#else /* perl 5.28 and older */
    SV *sv = newSV(0);
    sv_setsv_flags(sv, source, flags);
    return sv;
#endif
}

/* Records rather than tables: beyond this, perl's own choices fit. */
#define MC_MANY_KEYS 1000

/* An empty array with room for that many elements. */
SV *mc_new_array(pMC_ STRLEN elements)
{
    SV *sv = newSV_type(SVt_PVAV);
    if (elements) {
        AV *av = (AV *)sv;
        SV **array;
        Newx(array, elements, SV *);
        Zero(array, elements, SV *); /* a hook may see it before it is full */
        AvALLOC(av) = AvARRAY(av) = array;
        AvMAX(av) = (SSize_t)elements - 1;
    }
    return sv;
}

/* An empty hash with room for that many keys. As hv_ksplit makes it, but for two things. That takes memory that calloc
   clears, and glibc's calloc never takes the array that the last session gave back, and tidies all free memory instead;
   and from perl 5.36 on it gives a hash of more than 42 keys copies of them, where sessions have the same keys again
   and again. */
SV *mc_new_hash(pMC_ STRLEN keys)
{
    SV *sv = newSV_type(SVt_PVHV);
    HV *hv = (HV *)sv;
    if (keys > MC_MANY_KEYS) {
        hv_ksplit(hv, (IV)keys);
    } else if (keys) {
        STRLEN buckets = HvMAX(hv) + 1;
        char *array;
        while (buckets < keys + keys / 2)
            buckets *= 2;
        Newx(array, PERL_HV_ARRAY_ALLOC_BYTES(buckets), char);
        Zero(array, PERL_HV_ARRAY_ALLOC_BYTES(buckets), char);
        HvARRAY(hv) = (HE **)array;
        HvMAX(hv) = buckets - 1;
    }
    return sv;
}
